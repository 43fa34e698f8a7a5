import { action, type Engine, type EngineEvents, flow, map, parallel, sleep, sleepUntil, waitForCondition } from 'perdure';
import { describe, expect, test } from 'vitest';
import { createTestEngine } from '../../src/testing.js';
import { openEngine, unique } from '../api/with-engine.js';

const hang = action(unique('hang'), () => new Promise<never>(() => {}));
const look = action(unique('look'), (_state: number) => new Promise<never>(() => {}));
const child = flow(unique('child'), async () => sleep('1h'));
const quick = action(unique('quick'), async () => 1);

/** A call whose `await` is forgotten, of each kind. */
const FORGOTTEN: Readonly<Record<string, () => unknown>> = {
  'an action': function forgetful() {
    return hang();
  },
  'an action with options': function forgetful() {
    return hang.with({ timeout: '1h' })();
  },
  'a child flow': function forgetful() {
    return child();
  },
  'sleep()': function forgetful() {
    return sleep('1h');
  },
  'sleepUntil()': function forgetful() {
    return sleepUntil(Date.now() + 1e8);
  },
  'parallel()': function forgetful() {
    return parallel([async () => hang()]);
  },
  'map()': function forgetful() {
    return map([1], async () => hang());
  },
  'waitForCondition()': function forgetful() {
    return waitForCondition(look, { initial: 1, strategy: () => ({ continue: true }) });
  },
};

/** The leaks of a run of the flow, by the text of where they were started. */
async function sitesOf(engine: Engine, body: () => Promise<unknown>, runs = 1): Promise<(string | undefined)[]> {
  const leaks: EngineEvents['leak'][] = [];
  engine.on('leak', (leak) => leaks.push(leak));
  const leaking = flow(unique('leaking'), body);
  for (let run = 0; run < runs; run += 1) await engine.start(leaking, []).exception();
  return leaks.filter(({ scope }) => scope === '').map(({ futures }) => futures[0]?.callSite);
}

const HERE = expect.stringMatching(/^(Object\.)?forgetful\d* .*leaks-of-plain-calls\.test\.ts:\d+:\d+/);

describe("where a forgotten await is, is in its leak's line", () => {
  const forgetting = (call: () => unknown) => async () => {
    void call();
    await quick();
  };

  test.each(Object.entries(FORGOTTEN))(
    "of %s, under leaks: 'error', in the testing kit, and after the first leak of a flow",
    async (_what, call) => {
      const { engine: strict, lines } = await openEngine({ leaks: 'error' });
      expect(await sitesOf(strict, forgetting(call))).toEqual([HERE]);
      const line = lines.find(({ message }) => message.includes('leak'));
      expect(line?.message).toMatch(/ended with a leak \(unawaited\): .*started at .*leaks-of-plain-calls\.test\.ts/);

      const kit = createTestEngine({ leaks: 'warn' });
      expect(await sitesOf(kit, forgetting(call))).toEqual([HERE]);
      await kit.close();

      const { engine: lenient } = await openEngine({ leaks: 'warn' });
      expect(await sitesOf(lenient, forgetting(call), 3)).toEqual([undefined, HERE, HERE]);
    },
  );

  test('also in a branch, and for a call of a run that is under way when its flow leaks first', async () => {
    const { engine } = await openEngine();
    const sites: unknown[] = [];
    engine.on('leak', ({ futures }) => sites.push(...futures.map(({ callSite }) => callSite)));
    const body = flow(unique('body'), async () =>
      parallel([
        async () => {
          (FORGOTTEN['an action'] as () => unknown)();
          await quick();
        },
        async () => {
          for (let step = 0; step < 10; step += 1) await quick();
          (FORGOTTEN['an action'] as () => unknown)();
          await quick();
        },
      ]),
    );
    await engine.start(body, []);
    expect(sites).toEqual([undefined, HERE]);
  });

  test('however many calls were waited for before', async () => {
    const { engine } = await openEngine({ leaks: 'error' });
    const body = async (): Promise<void> => {
      for (let step = 0; step < 200; step += 1) await quick();
      await Promise.all(Array.from({ length: 150 }, () => quick()));
      (FORGOTTEN['an action'] as () => unknown)();
      await quick();
    };
    expect(await sitesOf(engine, body)).toEqual([HERE]);
  });

  test('of 100 of them at a time', async () => {
    const { engine } = await openEngine({ leaks: 'error' });
    const counts: number[] = [];
    engine.on('leak', ({ futures }) => counts.push(futures.length, futures.filter(({ callSite }) => callSite !== undefined).length));
    const body = flow(unique('body'), async () => {
      for (let n = 0; n < 120; n += 1) void hang();
      await quick();
    });
    await engine.start(body, []).exception();
    expect(counts).toEqual([120, 100]);
  });
});

test('nothing is captured of plain calls where nobody asks for it', async () => {
  const { engine } = await openEngine();
  const { captureStackTrace } = Error;
  let captured = 0;
  Error.captureStackTrace = (target, from) => {
    captured += 1;
    captureStackTrace(target, from);
  };
  try {
    await engine.start(
      flow(unique('body'), async () => {
        for (let step = 0; step < 20; step += 1) await quick();
        await map([1, 2], async () => quick());
        await sleep(1);
      }),
      [],
    );
  } finally {
    Error.captureStackTrace = captureStackTrace;
  }
  expect(captured).toBe(0);
});
