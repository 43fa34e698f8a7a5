import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { asCompleted, type DurableFuture, type Engine, event, flow, wait } from 'perdure';
import { expect, test, vi } from 'vitest';
import { systemClock } from '../../src/clock/system-clock.js';
import { engineCodec } from '../../src/engine/options.js';
import { Roots } from '../../src/engine/roots.js';
import type { RunRecord } from '../../src/model/records.js';
import { collectingLogger, openEngine, settle, thrownBy, unique } from '../api/with-engine.js';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Collects what nobody holds, and lets those who watch that hear of it. */
async function collect(): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    gc();
    await settle();
  }
}

const waits = flow(unique('waits'), async () => event<string>('go'));

/** An engine with the run `x`, which waits for an event. */
async function withRun(): Promise<{ readonly engine: Engine }> {
  const { engine } = await openEngine();
  await engine.start(waits, [], { id: 'x' }).recorded();
  return { engine };
}

const WAYS: Readonly<Record<string, (engine: Engine) => DurableFuture<string>>> = {
  'engine.future(id)': (engine) => engine.future<string>('x'),
  'another start of the same run': (engine) => engine.start(waits, [], { id: 'x' }),
};

const LOOKS: Readonly<Record<string, (future: DurableFuture<string>) => unknown>> = {
  'nobody asks it for anything': () => {},
  'its status was read': ({ status }) => status,
  'it was recorded': (future) => future.recorded(),
  'a wait for its result ran out of time': (future) => thrownBy(() => future.result({ timeout: 1 })),
  'a wait for its error ran out of time': (future) => thrownBy(() => future.exception({ timeout: 1 })),
  'wait() ran out of time': (future) => wait([future], { timeout: 1 }),
  'a loop over asCompleted() was left': async (future) => {
    const futures = asCompleted([future])[Symbol.asyncIterator]();
    void futures.next();
    await futures.return?.();
  },
};

test.each(Object.entries(WAYS).flatMap(([way, get]) => Object.entries(LOOKS).map(([look, use]) => ({ way, get, look, use }))))(
  'a future from $way is collected when $look',
  async ({ get, use }) => {
    const { engine } = await withRun();
    const futures = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const future = get(engine);
        await use(future);
        return new WeakRef(future);
      }),
    );
    await collect();
    expect(futures.map((future) => future.deref())).toEqual(Array(5).fill(undefined));
  },
);

test.each(Object.entries(WAYS))('a future from %s that only its promise remembers settles', async (_way, get) => {
  const { engine } = await withRun();
  const results = [get(engine).result(), wait([get(engine)]), get(engine).exception(), Promise.race([get(engine)])];
  await settle();
  await collect();
  await engine.send('x', 'go', 'gone');
  expect(await results[0]).toBe('gone');
  expect(await Promise.all(results)).toHaveLength(4);
});

test.each(Object.entries(WAYS))('a future from %s that is only held settles, and is rejected by close()', async (_way, get) => {
  const { engine } = await withRun();
  const future = get(engine);
  await future.recorded();
  await collect();
  await engine.send('x', 'go', 'gone');
  await vi.waitFor(() => expect(future.status).toBe('SUCCEEDED'));

  const other = await withRun();
  const pending = get(other.engine);
  await pending.recorded();
  await collect();
  await other.engine.close({ timeout: 0 });
  expect(await thrownBy(() => pending)).toMatchObject({ code: 'ENGINE_CLOSED' });
});

test('a run is followed once, however many futures it has, and no longer when they are gone', async () => {
  const unfollow = vi.fn();
  const follow = vi.fn(() => unfollow);
  const roots = new Roots({
    clock: systemClock,
    logger: collectingLogger().logger,
    requestCancel: () => {},
    gateway: { start: () => {}, follow, waitsFor: () => undefined },
  });
  const codec = engineCodec({});
  const run = { id: 'x', status: 'RUNNING', outcome: null } as RunRecord;
  for (let n = 0; n < 10; n += 1) roots.attached(roots.make('x', 'waits', codec), run);
  expect(follow).toHaveBeenCalledTimes(1);
  expect(unfollow).not.toHaveBeenCalled();
  await collect();
  expect(unfollow).toHaveBeenCalledTimes(1);
  roots.attached(roots.make('x', 'waits', codec), run);
  expect(follow).toHaveBeenCalledTimes(2);
});
