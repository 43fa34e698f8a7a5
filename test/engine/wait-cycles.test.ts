import { type Engine, type Flow, flow, memoryStore, open, sleep } from 'perdure';
import type { Store } from 'perdure/store';
import { describe, expect, onTestFinished, test } from 'vitest';
import { waitCycles } from '../../src/worker/wait-cycles.js';
import { collectingLogger, type LogLine, settle, unique } from '../api/with-engine.js';

interface Opened {
  readonly engine: Engine;
  readonly cycles: () => LogLine[];
}

async function opened(store: Store = memoryStore(), execute = true): Promise<Opened> {
  const { logger, lines } = collectingLogger();
  const engine = await open({ store, default: false, logger, execute });
  onTestFinished(() => engine.close({ timeout: 0 }).catch(() => undefined));
  return { engine, cycles: () => lines.filter(({ level, fields }) => level === 'warn' && 'cycle' in fields) };
}

/** A flow each of whose runs waits for the run that is named next, over and over. */
function ring(): Flow<[readonly string[], number], string> {
  const next: Flow<[readonly string[], number], string> = flow(unique('ring'), async (ids: readonly string[], at: number) => {
    const following = (at + 1) % ids.length;
    return next.with({ id: ids[following] as string })(ids, following);
  });
  return next;
}

/** Runs that have begun to wait for each other. */
async function deadlocked(engine: Engine, ids: readonly string[]): Promise<void> {
  engine.start(ring(), [ids, 0], { id: ids[0] as string });
  for (let round = 0; round < 5 + ids.length / 4; round += 1) await settle();
}

describe('runs that wait for each other', () => {
  test.each([[['a']], [['a', 'b']], [['a', 'b', 'c']], [Array.from({ length: 60 }, (_, index) => `run-${index}`)]])(
    '%j are told of',
    async (ids) => {
      const { engine, cycles } = await opened();
      await deadlocked(engine, ids);
      const text = [...ids, ids[0]].join(' → ');
      expect(cycles()).toHaveLength(1);
      for (const id of ids) expect(cycles()[0]?.message).toContain(id);
      expect(new Set(cycles()[0]?.fields['cycle'] as string[])).toStrictEqual(new Set(ids));
      const { pending, status } = await engine.get(ids[0] as string);
      expect(status).toBe('RUNNING');
      expect(pending).toMatchObject([{ kind: 'flow', cycle: ids, childRunId: ids[1] ?? ids[0] }]);
      expect(pending[0]?.waitsFor).toContain(`a cycle (${text})`);
      expect((await engine.get(ids.at(-1) as string)).pending[0]?.cycle).toStrictEqual([ids.at(-1), ...ids.slice(0, -1)]);
    },
  );

  test('can be cancelled', async () => {
    const { engine } = await opened();
    await deadlocked(engine, ['a', 'b']);
    await engine.cancel('b');
    expect((await engine.future('a').exception())?.name).toBe('CancelledError');
  });

  test('are told of by a process that executes none of them', async () => {
    const store = memoryStore();
    const { engine } = await opened(store);
    await deadlocked(engine, ['a', 'b', 'c']);
    const onlooker = await opened(store, false);
    expect((await onlooker.engine.get('b')).pending[0]?.cycle).toStrictEqual(['b', 'c', 'a']);
  });

  test('are told of once by each process that takes them over', async () => {
    const store = memoryStore();
    const first = await opened(store);
    await deadlocked(first.engine, ['a', 'b']);
    await first.engine.close({ timeout: 0 });
    const second = await opened(store);
    for (let round = 0; round < 6; round += 1) await settle();
    expect([first.cycles().length, second.cycles().length]).toStrictEqual([1, 1]);
  });

  test('are told of where a run waits for its own end from a run that it has started', async () => {
    const { engine, cycles } = await opened();
    const parent: Flow<[], unknown> = flow(unique('parent'), async () => [await sleep(1), await child('parent')]);
    const child = flow(unique('child'), async (id: string) => parent.with({ id })());
    engine.start(parent, [], { id: 'parent' });
    await expect.poll(() => cycles().length).toBe(1);
    expect((await engine.get('parent')).pending[0]?.cycle).toStrictEqual(['parent', 'parent//1']);
  });
});

describe('runs that can end', () => {
  test('are not told of: many that wait for one, and one that waits for many', async () => {
    const { engine, cycles } = await opened();
    const shared = flow(unique('shared'), async () => sleep('1h'));
    const waiting = flow(unique('waiting'), async () => shared.with({ id: 'shared' })());
    const many = flow(unique('many'), async () => Promise.all(['x', 'y', 'z'].map((id) => waiting.with({ id })())));
    engine.start(many, [], { id: 'many' });
    engine.start(waiting, [], { id: 'other' });
    for (let round = 0; round < 5; round += 1) await settle();
    expect(cycles()).toStrictEqual([]);
    expect((await engine.get('many')).pending.map(({ cycle }) => cycle)).toStrictEqual([undefined, undefined, undefined]);
  });

  test('are not told of: a run that has let go of one which waits for its end', async () => {
    const store = memoryStore();
    const { engine, cycles } = await opened(store);
    const parent: Flow<[], unknown> = flow(unique('parent'), async () => {
      watcher.start('watched').detach();
      await sleep('1h');
    });
    const watcher = flow(unique('watcher'), async (id: string) => parent.with({ id })());
    engine.start(parent, [], { id: 'watched' });
    for (let round = 0; round < 5; round += 1) await settle();
    const onlooker = await opened(store, false);
    for (const each of [engine, onlooker.engine]) {
      expect((await each.get('watched//0')).pending).toMatchObject([{ childRunId: 'watched' }]);
      expect((await each.get('watched//0')).pending[0]?.cycle).toBeUndefined();
      expect((await each.get('watched')).pending.map(({ cycle }) => cycle)).toStrictEqual([undefined, undefined]);
    }
    expect(cycles()).toStrictEqual([]);
  });
});

describe('a look for cycles', () => {
  const source = (edges: Readonly<Record<string, readonly string[]>>) => ({
    store: memoryStore(),
    awaitedBy: (runId: string) => edges[runId] ?? [],
  });

  test('finds one for each awaited run that leads back', async () => {
    const found = await waitCycles('a', ['b', 'c', 'd'], source({ b: ['e'], c: ['a'], d: [], e: ['f', 'a'], f: ['b'] }));
    expect([...found]).toStrictEqual([
      ['c', ['a', 'c']],
      ['b', ['a', 'b', 'e']],
    ]);
  });

  test('ends where others wait for each other', async () => {
    expect((await waitCycles('a', ['b'], source({ b: ['c'], c: ['b'] }))).size).toBe(0);
  });

  test('goes no further than it is worth', async () => {
    let asked = 0;
    const endless = {
      store: memoryStore(),
      awaitedBy: (runId: string) => {
        asked += 1;
        return [`${Number(runId) + 1}`];
      },
    };
    expect((await waitCycles('0', ['1'], endless)).size).toBe(0);
    expect(asked).toBeLessThan(20_000);
  });
});
