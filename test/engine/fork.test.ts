import {
  action,
  actionContext,
  callback,
  continueAsNew,
  type DurableFuture,
  event,
  flow,
  flowContext,
  map,
  memoryStore,
  now,
  parallel,
  patched,
  random,
  shield,
  sleep,
  uuid,
} from 'perdure';
import type { Store } from 'perdure/store';
import { beforeEach, describe, expect, test } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import { flawsOf, historyOf } from '../../src/testing/well-formed.js';
import { crashingStore, failingStore, reapedStore } from '../../src/testing/wrapped-store.js';
import type { TestEngine } from '../../src/testing.js';
import { inFlow, nextEvent, settle, thrownBy, unique } from '../api/with-engine.js';
import { batchOf, workerOf } from '../store/records.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';

/** The bodies of actions that were called, with the keys of their calls. */
let calls: string[] = [];
let keys: string[] = [];

const act = action('forked act', async (input: string) => {
  calls.push(input);
  keys.push(actionContext().idempotencyKey);
  return input;
});
const failing = action('forked failing', async () => {
  calls.push('failing');
  throw new RangeError('no');
});
const child = flow('forked child', async (name: string) => [flowContext().runId, await act(`${name}1`), await act(`${name}2`)]);

beforeEach(() => {
  calls = [];
  keys = [];
});

/** All records of a run, as they are stored. */
async function recordsOf(store: Store, runId: string): Promise<unknown> {
  const { runs, journals } = await historyOf(store);
  return [runs.get(runId), journals.get(runId)];
}

/** Forks a run, and asserts that the run itself stays as it is, and that all journals are well formed. */
async function forked({ engine, store }: World, runId: string, operationId: string): Promise<Forked> {
  await engine.get(runId);
  const before = await recordsOf(store, runId);
  calls = [];
  keys = [];
  const future = engine.fork(runId, operationId);
  expect(future.id).not.toBe(runId);
  const error = await future.exception();
  await engine.list();
  expect(await recordsOf(store, runId)).toEqual(before);
  const history = await historyOf(store);
  expect(flawsOf(history)).toEqual([]);
  const report = await engine.report(future.id);
  return { id: future.id, result: report.result, status: report.status, error };
}

interface Forked {
  readonly id: string;
  readonly result: unknown;
  readonly status: string;
  readonly error: Error | undefined;
}

interface World {
  readonly engine: TestEngine;
  readonly store: Store;
}

function world(): World {
  const store = memoryStore();
  return { store, engine: testEngine({ store, leaks: 'ignore' }) };
}

describe('from each operation of a run', () => {
  const body = aFlow(async () => {
    const first = await act('a');
    const batch = await parallel([() => act('b'), async () => [await act('c'), await act('d')]]);
    const mapped = await map(['e', 'f'], act, { maxConcurrency: 1 });
    const fromChild = await child('g');
    await sleep('1h');
    const told = await event('n');
    return [first, batch.getResults(), mapped.getResults(), fromChild.slice(1), told, await act('h')];
  });
  const RESULT = ['a', ['b', ['c', 'd']], ['e', 'f'], ['g1', 'g2'], 'told', 'h'];

  test.each([
    ['0', ['a', 'b', 'c', 'd', 'e', 'f', 'g1', 'g2', 'h']],
    ['1', ['e', 'f', 'g1', 'g2', 'h']],
    ['1.0', ['d', 'e', 'f', 'g1', 'g2', 'h']],
    ['1.0.0', ['b', 'c', 'd', 'e', 'f', 'g1', 'g2', 'h']],
    ['1.1.1', ['d', 'e', 'f', 'g1', 'g2', 'h']],
    ['2', ['g1', 'g2', 'h']],
    ['2.0.0', ['e', 'f', 'g1', 'g2', 'h']],
    ['2.1', ['g1', 'g2', 'h']],
    ['3', ['g1', 'g2', 'h']],
    ['4', ['h']],
    ['6', ['h']],
  ] as const)('%s: what came before is taken over, and no more', async (operationId, called) => {
    const made = world();
    const run = made.engine.start(body, [], { id: 'run' });
    await nextEvent(made.engine, 'operation:started', ({ kind }) => kind === 'event');
    await made.engine.send('run', 'n', 'told');
    expect(await run).toEqual(RESULT);
    const forking = forked(made, 'run', operationId);
    if (operationId !== '6') {
      const { runId } = await nextEvent(made.engine, 'operation:started', ({ kind, runId: of }) => kind === 'event' && of !== 'run');
      await made.engine.send(runId, 'n', 'told');
    }
    const { result, status } = await forking;
    expect([result, status]).toEqual([RESULT, 'SUCCEEDED']);
    expect([...calls].sort()).toEqual(called);
    await made.engine.assertReplays();
  });

  test.each([
    ['0', ['a', 'b', 'c']],
    ['1', ['b', 'c']],
    ['2', ['c']],
  ])('of a row of actions: %s', async (operationId, again) => {
    const made = world();
    const row = aFlow(async () => [await act('a'), await act('b'), await act('c')]);
    await made.engine.run(row, [], { id: 'row' });
    const { id, result } = await forked(made, 'row', operationId);
    expect([result, calls]).toEqual([['a', 'b', 'c'], again]);
    expect(keys).toEqual(again.map((_, index) => `${id}/${3 - again.length + index}`));
    await made.engine.assertReplays();
  });

  test.each([
    ['0', ['a', 'b', 'c', 'd', 'e']],
    // A batch is done again from the end of the branch that decided it, and a branch from its own end on.
    ['1', ['e']],
    ['1.1', ['e']],
    ['1.1.0', ['d', 'e']],
    ['1.0.1', ['c', 'd', 'e']],
    ['1.0', ['d', 'e']],
    ['2', ['e']],
  ])('of branches one after the other: %s', async (operationId, again) => {
    const made = world();
    const branches = aFlow(async () => {
      const first = await act('a');
      const batch = await parallel([async () => [await act('b'), await act('c')], async () => act('d')], { maxConcurrency: 1 });
      return [first, batch.getResults(), await act('e')];
    });
    const { result: before } = await made.engine.run(branches, [], { id: 'branches' });
    const { result } = await forked(made, 'branches', operationId);
    expect(result).toEqual(before);
    expect(calls).toEqual(again);
    await made.engine.assertReplays();
  });
});

describe('the fork', () => {
  test('has the same time and the same draws in what it takes over, and the draws go on as they did', async () => {
    const made = world();
    const seen: unknown[][] = [];
    const body = aFlow(async () => {
      const saw: unknown[] = [];
      seen.push(saw);
      saw.push(now(), random(), uuid());
      await sleep('1h');
      saw.push(now(), random(), uuid());
      await act('a');
      saw.push(random(), uuid());
      return saw.length;
    });
    await made.engine.run(body, [], { id: 'run' });
    await made.engine.advance('5h');
    await forked(made, 'run', '1');
    const [original, fork] = seen;
    expect(fork).toEqual(original);
    await forked(made, 'run', '0');
    const again = seen[2] as unknown[];
    expect([again.slice(0, 3), again.slice(4)]).toEqual([original?.slice(0, 3), original?.slice(4)]);
    expect(again[3]).toBeGreaterThan(original?.[3] as number);
  });

  test('runs the present code from there on', async () => {
    const made = world();
    const name = unique('mended');
    const before = flow(name, async () => [await act('a'), await act('b')]);
    await made.engine.run(before, [], { id: 'run' });
    flow(name, async () => [await act('a'), await act('b, mended'), await act('c')], { replace: true });
    const { result } = await forked(made, 'run', '1');
    expect([result, calls]).toEqual([
      ['a', 'b, mended', 'c'],
      ['b, mended', 'c'],
    ]);
  });

  test('is blocked when the present code does not fit what it takes over', async () => {
    const made = world();
    const name = unique('unfit');
    const before = flow(name, async () => [await act('a'), await act('b')]);
    await made.engine.run(before, [], { id: 'run' });
    flow(name, async () => [await act('other'), await act('b')], { replace: true });
    const blocked = nextEvent(made.engine, 'run:blocked');
    const future = made.engine.fork('run', '1');
    expect(await blocked).toMatchObject({ runId: future.id, code: 'NON_DETERMINISM' });
    expect(calls).toEqual(['a', 'b']);
  });

  test('keeps the changes of code that it has', async () => {
    const made = world();
    const body = aFlow(async () => [patched('p') ? await act('new') : await act('old'), await act('b')]);
    await made.engine.run(body, [], { id: 'run' });
    expect((await forked(made, 'run', '1')).result).toEqual(['new', 'b']);
  });

  test('is a run like any other: it is listed, stays on its version, has no parent, and can be forked', async () => {
    const made = world();
    const name = unique('versioned');
    const one = flow(name, async () => [await act('a'), await act('b')]);
    await made.engine.run(one, [], { id: 'run' });
    flow(name, async () => 'two', { version: 2 });
    const first = await forked(made, 'run', '1');
    const second = await forked(made, first.id, '0');
    expect(second.result).toEqual(['a', 'b']);
    expect(await made.engine.get(second.id)).toMatchObject({ version: 1, args: [] });
    expect((await made.engine.list({ flow: name })).length).toBe(3);
    expect(await made.engine.future(second.id)).toEqual(['a', 'b']);
    await made.engine.assertReplays();
  });

  test('of a child run has no parent, and its children are its own', async () => {
    const made = world();
    await made.engine.run(
      aFlow(async () => child('c')),
      [],
      { id: 'parent' },
    );
    const { id, result } = await forked(made, 'parent//0', '1');
    // The run's id is no outcome: it is another there.
    expect(result).toEqual([id, 'c1', 'c2']);
    expect(calls).toEqual(['c2']);
    expect((await made.engine.get(id)).parent).toBeUndefined();
  });

  test('does not start children again whose ends it takes over, and has its own of all others', async () => {
    const made = world();
    const body = aFlow(async () => [await child('x'), await child('y')]);
    await made.engine.run(body, [], { id: 'run' });
    const { id, result } = await forked(made, 'run', '1');
    expect(result).toEqual([
      ['run//0', 'x1', 'x2'],
      [`${id}//1`, 'y1', 'y2'],
    ]);
    expect(calls).toEqual(['y1', 'y2']);
    await made.engine.assertReplays();
  });

  test('takes over messages that came before, with those that nobody has read', async () => {
    const made = world();
    const body = aFlow(async () => {
      const first = await event('n');
      await act('a');
      await act('b');
      return [first, await event('n')];
    });
    const future = made.engine.start(body, [], { id: 'run' });
    await made.engine.send('run', 'n', 1);
    await made.engine.send('run', 'n', 2);
    expect(await future).toEqual([1, 2]);
    const { result } = await forked(made, 'run', '2');
    expect([result, calls]).toEqual([[1, 2], ['b']]);
    await made.engine.assertReplays();
  });

  test('at an event waits for another message', async () => {
    const made = world();
    const body = aFlow(async () => [await act('a'), await event('n')]);
    const future = made.engine.start(body, [], { id: 'run' });
    await nextEvent(made.engine, 'operation:started', ({ kind }) => kind === 'event');
    await made.engine.send('run', 'n', 'old');
    await future;
    const fork = made.engine.fork('run', '1');
    await nextEvent(made.engine, 'operation:started', ({ kind }) => kind === 'event');
    await made.engine.send(fork.id, 'n', 'new');
    expect([await fork, await future]).toEqual([
      ['a', 'new'],
      ['a', 'old'],
    ]);
    expect(calls).toEqual(['a']);
  });

  test('at a callback gives out a token of its own', async () => {
    const made = world();
    const tokens: string[] = [];
    const give = action(unique('give'), async (token: string) => {
      tokens.push(token);
    });
    const body = aFlow(async () => {
      const { token, future } = callback();
      await give(token);
      return future;
    });
    const future = made.engine.start(body, [], { id: 'run' });
    await nextEvent(made.engine, 'operation:finished');
    const fork = made.engine.fork('run', '1');
    await nextEvent(made.engine, 'operation:finished', ({ runId }) => runId === fork.id);
    await made.engine.complete(tokens[1] as string, 'of the fork');
    await made.engine.complete(tokens[0] as string, 'of the run');
    expect([await future, await fork]).toEqual(['of the run', 'of the fork']);
  });

  test('at a timer waits for all of it', async () => {
    const made = world();
    const body = aFlow(async () => {
      await act('a');
      await sleep('1h');
      return now();
    });
    await made.engine.run(body, [], { id: 'run' });
    await made.engine.advance('1d');
    const from = made.engine.now();
    expect((await forked(made, 'run', '1')).result).toBe(from + 3_600_000);
  });

  test('has the time-out of the run, from its own creation on', async () => {
    const made = world();
    const limited = flow(unique('limited'), async () => [await act('a'), await sleep('2h')], { timeout: '1h' });
    await made.engine.run(limited, [], { id: 'run' });
    await made.engine.advance('1d');
    const from = made.engine.now();
    const { error } = await forked(made, 'run', '0');
    expect(error).toMatchObject({ code: 'FLOW_TIMEOUT' });
    expect(made.engine.now()).toBe(from + 3_600_000);
  });

  test('of a generation goes on from that, with keys of its own', async () => {
    const made = world();
    const body = aFlow(async (n: number): Promise<unknown> => {
      const began = now();
      await sleep('1h');
      const name = await act(`${n}`);
      if (n < 3) return continueAsNew(n + 1);
      return [name, began, random(), (await child('c'))[0], await act('last')];
    });
    const { result: before } = await made.engine.run(body, [1], { id: 'run' });
    const { id, result } = await forked(made, 'run', '3');
    expect(result).toEqual(before);
    expect([calls, keys]).toEqual([['last'], [`${id}/3`]]);
    await made.engine.assertReplays();
  });
});

describe('of a run that', () => {
  test('has failed, it goes on from the failure with mended code', async () => {
    const made = world();
    const name = unique('failed');
    const before = flow(name, async () => [await act('a'), await failing()]);
    expect((await made.engine.run(before, [], { id: 'run' })).status).toBe('FAILED');
    flow(name, async () => [await act('a'), await act('mended')], { replace: true });
    const { result, status } = await forked(made, 'run', '1');
    expect([result, status, calls]).toEqual([['a', 'mended'], 'SUCCEEDED', ['mended']]);
  });

  test('has failed, it may fail again', async () => {
    const made = world();
    await made.engine.run(
      aFlow(async () => [await act('a'), await failing()]),
      [],
      { id: 'run' },
    );
    const { status, error } = await forked(made, 'run', '1');
    expect([status, error?.message, calls]).toEqual(['FAILED', 'no', ['failing']]);
  });

  test('is running, both go on', async () => {
    const made = world();
    const body = aFlow(async () => [await act('a'), await event('go'), await act('b')]);
    const future = made.engine.start(body, [], { id: 'run' });
    await nextEvent(made.engine, 'operation:started', ({ kind }) => kind === 'event');
    for (const [operationId, called] of [
      ['1', []],
      ['0', ['a']],
    ] as const) {
      calls = [];
      const fork: DurableFuture<unknown> = made.engine.fork('run', operationId);
      await nextEvent(made.engine, 'operation:started', ({ kind, runId }) => kind === 'event' && runId === fork.id);
      expect(calls).toEqual(called);
      await made.engine.send(fork.id, 'go', 'fork');
      expect(await fork).toEqual(['a', 'fork', 'b']);
    }
    await made.engine.send('run', 'go', 'run');
    expect(await future).toEqual(['a', 'run', 'b']);
  });

  const waiting = async (): Promise<unknown> => {
    try {
      return [await act('a'), await event('go'), await act('b')];
    } finally {
      await shield(async () => act('clean'));
    }
  };

  test.each([
    { where: 'came before the cancellation', operationId: '0', done: ['a', 'b', 'clean'] },
    { where: 'was under way then', operationId: '1', done: ['b', 'clean'] },
  ])('was cancelled, it goes on from what $where', async ({ operationId, done }) => {
    const made = world();
    const future = made.engine.start(aFlow(waiting), [], { id: 'run' });
    await nextEvent(made.engine, 'operation:started', ({ kind }) => kind === 'event');
    await made.engine.cancel('run');
    await future.exception();
    calls = [];
    const fork = made.engine.fork('run', operationId);
    await nextEvent(made.engine, 'operation:started', ({ kind }) => kind === 'event');
    await made.engine.send(fork.id, 'go', 'on');
    expect([await fork, calls]).toEqual([['a', 'on', 'b'], done]);
  });

  test('was cancelled, it is cancelled again when it goes on from its clean-up', async () => {
    const made = world();
    const future = made.engine.start(aFlow(waiting), [], { id: 'run' });
    await nextEvent(made.engine, 'operation:started', ({ kind }) => kind === 'event');
    await made.engine.cancel('run', 'enough');
    await future.exception();
    const { status, error } = await forked(made, 'run', '2');
    expect([status, error?.message, calls]).toEqual(['CANCELLED', expect.stringContaining('enough'), ['clean']]);
  });

  test('leaks, it leaks as well', async () => {
    const made = world();
    const body = aFlow(async () => {
      sleep.start('1d');
      act.start('left');
      return act('a');
    });
    await made.engine.run(body, [], { id: 'run' });
    const { result } = await forked(made, 'run', '2');
    expect(result).toBe('a');
  });
});

test('an event that took a message after the place is not taken over: the present code need not ask for it', async () => {
  const made = world();
  const name = unique('asked later');
  const before = flow(name, async () => [await act('a'), await act('b'), await event('n')]);
  const future = made.engine.start(before, [], { id: 'run' });
  await made.engine.send('run', 'n', 'early');
  expect(await future).toEqual(['a', 'b', 'early']);
  flow(name, async () => [await act('a'), await act('mended')], { replace: true });
  const { result } = await forked(made, 'run', '1');
  expect([result, calls]).toEqual([['a', 'mended'], ['mended']]);
});

describe('when its process ends, or its store fails', () => {
  const body = aFlow(async () => [await act('a'), await sleep('1h'), await act('b'), await child('c')]);

  /** A store with a run that has ended, in which the next process is to fork it. */
  async function recorded(): Promise<Store> {
    const store = memoryStore();
    const engine = testEngine({ store });
    await engine.run(body, [], { id: 'run' });
    await engine.close();
    calls = [];
    return store;
  }

  const AGAIN = ['b', 'c1', 'c2'];
  const LATER = Date.UTC(2025, 1, 1);

  async function expectWhole(store: Store, engine: TestEngine, forkId: string): Promise<void> {
    expect((await engine.future<unknown[]>(forkId)).slice(0, 3)).toEqual(['a', undefined, 'b']);
    expect(new Set(calls)).toEqual(new Set(AGAIN));
    await engine.list();
    const history = await historyOf(store);
    expect(flawsOf(history)).toEqual([]);
    expect([...history.runs.values()].filter(({ parentRunId }) => parentRunId === null)).toHaveLength(2);
    await engine.assertReplays();
  }

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('the process ends before or after commit %i', async (number) => {
    for (const when of ['before', 'after'] as const) {
      const store = await recorded();
      const before = testEngine({ store: crashingStore(store, { number, when }), startTime: LATER });
      const fork = before.fork('run', '2');
      await fork.exception();
      await before.close({ timeout: 0 }).catch(() => undefined);
      const after = testEngine({ store, startTime: LATER + 86_400_000 });
      const exists = number > 1 || when === 'after';
      if (exists) await expectWhole(store, after, fork.id);
      else await expect(after.future(fork.id).result()).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
      await after.close();
    }
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('commit %i fails, or the worker is lost', async (number) => {
    for (const disturbed of [failingStore, reapedStore]) {
      for (const when of ['before', 'after'] as const) {
        const store = await recorded();
        const engine = testEngine({ store: disturbed(store, { number, when }, () => {}), startTime: LATER });
        let begun = 0;
        engine.on('run:started', ({ runId, recovered }) => {
          if (runId === fork.id && !recovered) begun += 1;
        });
        const fork: DurableFuture<unknown> = engine.fork('run', '2');
        await fork;
        await expectWhole(store, engine, fork.id);
        expect(begun).toBeLessThanOrEqual(1);
        expect(calls.filter((name) => name === 'b').length).toBeLessThanOrEqual(2);
        await engine.close();
      }
    }
  });

  test('a creation that was written although its commit failed is executed once', async () => {
    const store = await recorded();
    const engine = testEngine({ store: failingStore(store, { number: 1, when: 'after' }, () => {}), startTime: LATER });
    const fork = engine.fork('run', '2');
    await fork;
    expect(calls).toEqual(AGAIN);
  });
});

describe('refused', () => {
  test.each([
    ['an unknown run', 'nobody', '0', 'RUN_NOT_FOUND'],
    ['an unknown operation', 'run', '7', 'INVALID_ARGUMENT'],
    ['an operation of no branch', 'run', '0.0.0', 'INVALID_ARGUMENT'],
    ['a message', 'run', 'message-1', 'INVALID_ARGUMENT'],
    ['a change of code', 'run', 'patch-p', 'INVALID_ARGUMENT'],
  ])('%s, by its future', async (_, runId, operationId, code) => {
    const made = world();
    const body = aFlow(async () => {
      patched('p');
      await act('a');
      return event('n');
    });
    const run = made.engine.start(body, [], { id: 'run' });
    await made.engine.send('run', 'n', 1);
    await run;
    const fork = made.engine.fork(runId, operationId);
    expect(await fork.exception()).toMatchObject({ name: 'UsageError', code });
    await expect(fork.recorded()).rejects.toMatchObject({ code });
    expect(await made.engine.list()).toHaveLength(1);
  });

  test('an unknown operation, by telling what knows the ids', async () => {
    const { engine } = world();
    await engine.run(
      aFlow(async () => act('a')),
      [],
      { id: 'run' },
    );
    const error = await engine.fork('run', '7').exception();
    expect(error?.message).toBe('engine.fork(): run run has no operation 7; engine.operations(runId) tells the ids');
  });

  test('a run whose flow is not registered, by telling what to do', async () => {
    const { engine, store } = world();
    await engine.run(
      aFlow(async () => act('a')),
      [],
      { id: 'run' },
    );
    const getRuns = store.getRuns.bind(store);
    store.getRuns = async (ids) => (await getRuns(ids)).map((run) => ({ ...run, version: 7 }));
    const error = await engine.fork('run', '0').exception();
    expect(error).toMatchObject({ name: 'UsageError', code: 'FLOW_NOT_REGISTERED' });
    expect(error?.message).toMatch(
      /^engine\.fork\(\): no flow "\S+" version 7 is registered in this process: import the module that defines it, or keep the old version beside the new one$/,
    );
  });

  test.each([
    ['', '0'],
    ['run', ''],
    [undefined, '0'],
    ['run', 0],
    [{}, '0'],
    ['run', undefined],
  ])('fork(%j, %j), at once', async (runId, operationId) => {
    const { engine } = world();
    expect(await thrownBy(() => engine.fork(runId as string, operationId as string))).toMatchObject({
      name: 'UsageError',
      code: 'INVALID_ARGUMENT',
    });
  });

  test('a run whose version is missing', async () => {
    const made = world();
    await made.store.open();
    await made.engine.run(
      aFlow(async () => act('a')),
      [],
      { id: 'run' },
    );
    await settle();
    const [[run], operations] = [await made.store.getRuns(['run']), await journalOf(made.store, 'run')];
    await made.store.registerWorker(workerOf('gone', 0));
    await made.store.commit(
      batchOf({
        workerId: 'gone',
        creates: [{ run: { ...(run as NonNullable<typeof run>), id: 'on nine', version: 9 } }],
        operations: operations.map((entry) => ({ ...entry, runId: 'on nine' })),
      }),
    );
    const error = await made.engine.fork('on nine', '0').exception();
    expect(error).toMatchObject({ name: 'UsageError', code: 'FLOW_NOT_REGISTERED' });
  });

  test('in a flow', async () => {
    const { engine } = world();
    expect(await thrownBy(() => inFlow(async () => void engine.fork('run', '0')))).toMatchObject({ code: 'ENGINE_IN_FLOW' });
  });

  test('when the engine is closed', async () => {
    const { engine } = world();
    await engine.close();
    expect(await thrownBy(() => engine.fork('run', '0'))).toMatchObject({ code: 'ENGINE_CLOSED' });
  });
});
