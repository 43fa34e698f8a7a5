import { action, CompletionConfig, type Flow, flow, map, now, parallel, random, type Serdes, shield, sleep, uuid, wait } from 'perdure';
import { describe, expect, test } from 'vitest';
import { assertReplays, explore, type RunJournal } from '../../src/testing.js';
import { runChild } from '../api/run-child.js';
import { nextEvent, thrownBy, unique } from '../api/with-engine.js';
import { aFlow, testEngine } from './with-test-engine.js';

let executed = 0;
const work = action('replays-work', async (text: string) => {
  executed += 1;
  return `${text}!`;
});
const other = action('replays-other', async (text: string) => `${text}?`);
const failing = action('replays-failing', async (text: string): Promise<string> => {
  throw new RangeError(text);
});
const child = flow('replays-child', async (text: string) => work(text));

const failingChild = flow('replays-failing-child', async () => failing('in the child'));

/** A flow whose body can be replaced after a run of it was recorded, as a deployment does. */
function changing<R>(): { readonly main: Flow<[], R>; body: () => Promise<R> } {
  const changed = {
    main: flow(unique('changing'), async (): Promise<R> => changed.body()),
    body: (): Promise<R> => Promise.reject(new Error('it has no body')),
  };
  return changed;
}

/** The journal of a run of a flow in a test engine of its own, as a file has it. */
async function recorded(body: () => Promise<unknown>, options: Parameters<typeof testEngine>[0] = {}): Promise<RunJournal> {
  const { journal } = await testEngine(options).run(body);
  return JSON.parse(JSON.stringify(journal)) as RunJournal;
}

/** What is said of a replay with another body. */
async function difference(before: () => Promise<unknown>, after: () => Promise<unknown>): Promise<Error> {
  const changed = changing<unknown>();
  changed.body = before;
  const journal = await recorded(changed.main);
  await assertReplays(changed.main, journal);
  changed.body = after;
  return thrownBy(() => assertReplays(changed.main, journal));
}

describe('passes', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['actions, one of which fails', async () => [await work('a'), await failing('b').catch((error: Error) => error.message)]],
    ['a run that fails', async () => failing('no')],
    ['concurrent operations', async () => Promise.all([work('a'), sleep('1h'), work('b'), child('c')])],
    ['a race', async () => Promise.race([sleep('2h').then(() => 'late'), work('a')])],
    ['draws and the time', async () => [random(), uuid(), now(), await sleep('1h'), now(), random()]],
    ['a wait with a time-out', async () => (await wait([sleep.start('3h')], { timeout: '1h' })).notDone.size],
    ['a child run that fails', async () => failingChild()],
    [
      'a batch',
      async () => (await map(['a', 'b', 'c'], async (text) => [await work(text), await other(text)], { maxConcurrency: 2 })).getResults(),
    ],
    [
      'a batch whose losers clean up under a shield',
      async () => {
        const done = await parallel(
          [
            async () => work('fast'),
            async () => {
              try {
                await sleep('30d');
              } finally {
                await shield(() => work('clean'));
              }
            },
          ],
          { completionConfig: CompletionConfig.firstSuccessful() },
        );
        return done.all.map(({ status }) => status);
      },
    ],
    ['a batch that fails', async () => (await map(['a', 'b'], failing)).getResults()],
    ['leaks', async () => void work.start('left behind')],
    ['an undefined result', async () => undefined],
  ])('%s, and executes nothing', async (_what, body) => {
    const main = aFlow(body);
    const journal = await recorded(main);
    const before = executed;
    await assertReplays(main, journal);
    expect(executed).toBe(before);
  });

  test('the journal of a report as it is', async () => {
    const engine = testEngine();
    const main = aFlow(async (text: string) => work(text));
    const { journal } = await engine.run(main, ['a']);
    await assertReplays(main, journal);
  });

  test('entries in any order', async () => {
    const main = aFlow(async () => [await work('a'), await other('b'), await sleep('1h')]);
    const [run, ...operations] = await recorded(main);
    await assertReplays(main, [run, ...operations.reverse()]);
  });

  test('a run that failed because of its leaks', async () => {
    const main = aFlow(async () => void work.start('left behind'));
    const { journal, status, error } = await testEngine().run(main);
    expect([status, error?.name]).toStrictEqual(['FAILED', 'LeakedFuturesError']);
    await assertReplays(main, journal);
  });

  test('a run that failed because of what it left behind an hour ago, in code that has moved since', async () => {
    const changed = changing<void>();
    changed.body = async () => {
      failing.start('left; behind)');
      sleep.start('3h');
      await sleep('1h');
    };
    const { journal, error } = await testEngine().run(changed.main);
    expect(error?.message).toMatch(/timer "sleep" \(1, RUNNING, 3600000 ms old, started at .*replays\.test\.ts:\d+:\d+/);
    changed.body = async () => {
      const [one, three] = ['1h', '3h'] as const;
      failing.start('left; behind)');
      sleep.start(three);
      await sleep(one);
    };
    await assertReplays(changed.main, journal);
    changed.body = async () => {
      failing.start('left; behind)');
      await sleep.start('3h').result({ timeout: '1h' });
    };
    await expect(assertReplays(changed.main, journal)).rejects.toMatchObject({ name: 'AssertionError' });
  });

  test('branches that have ended, whatever they would do now', async () => {
    const changed = changing<unknown>();
    changed.body = async () => (await map(['a', 'b'], async (text) => work(text))).getResults();
    const journal = await recorded(changed.main);
    changed.body = async () => (await map(['a', 'b'], async (text) => other(text))).getResults();
    await assertReplays(changed.main, journal);
  });

  test('a run that leaked and was let go', async () => {
    const main = aFlow(async () => void work.start('left behind'));
    const { journal, status } = await testEngine({ leaks: 'ignore' }).run(main);
    expect(status).toBe('SUCCEEDED');
    await assertReplays(main, journal);
  });

  test('a cancelled run that cleans up', async () => {
    const engine = testEngine({ autoAdvance: false });
    const main = aFlow(async () => {
      try {
        await sleep('3d');
      } finally {
        await shield(() => work('clean'));
      }
    });
    const future = engine.start(main, [], { id: unique('run') });
    await future.recorded();
    await engine.advance('1h');
    await engine.cancel(future.id);
    await future.exception();
    const { journal, status } = await engine.report(future.id);
    expect(status).toBe('CANCELLED');
    await assertReplays(main, JSON.parse(JSON.stringify(journal)));
  });

  test('a run that has not ended, as far as it goes', async () => {
    const engine = testEngine({ autoAdvance: false });
    const changed = changing<unknown>();
    changed.body = async () => [await work('a'), await sleep('3d'), await other('b')];
    const future = engine.start(changed.main, []);
    await future.recorded();
    await engine.advance('1h');
    const { journal, status } = await engine.report(future.id);
    expect(status).toBe('RUNNING');
    expect(journal).toHaveLength(3);
    const before = executed;
    await assertReplays(changed.main, journal);
    expect(executed).toBe(before);
    // What comes after the sleep may change.
    changed.body = async () => [await work('a'), await sleep('3d'), await failing('else')];
    await assertReplays(changed.main, journal);
    changed.body = async () => [await other('a'), await sleep('3d')];
    await expect(assertReplays(changed.main, journal)).rejects.toMatchObject({ name: 'AssertionError' });
    await future.cancel();
  });

  test('a version while a later one is registered', async () => {
    const name = unique('versions');
    const one = flow(name, async () => work('one'), { version: 1 });
    const journal = await recorded(one);
    const two = flow(name, async () => other('two'), { version: 2 });
    await assertReplays(one, journal);
    // The journal says which version.
    await assertReplays(two, journal);
    await assertReplays(two, await recorded(two));
  });

  test('concurrently, many times', async () => {
    const main = aFlow(async () => (await map(['a', 'b'], work)).getResults());
    const journal = await recorded(main);
    await Promise.all(Array.from({ length: 20 }, () => assertReplays(main, journal)));
  });
});

describe('tells of', () => {
  test.each<[string, () => Promise<unknown>, () => Promise<unknown>, RegExp]>([
    ['another action', () => work('a'), () => other('a'), /expected: action "replays-work".*\n {2}actual: {3}action "replays-other"/],
    ['another argument', () => work('a'), () => work('b'), /asked for the same operation with another input/],
    [
      'a step that is gone',
      async () => [await work('a'), await other('b')],
      async () => [await work('a')],
      /has ended without asking for operation 1/,
    ],
    [
      'a step that is new in front',
      () => work('a'),
      async () => [await other('new'), await work('a')],
      /expected: action "replays-work".*\n {2}actual: {3}action "replays-other"/,
    ],
    [
      'a step that is new at the end',
      () => work('a'),
      async () => {
        const result = await work('a');
        await other('new');
        return result;
      },
      /^the replay of run \S+ came to another end\n {2}expected: SUCCEEDED: "a!"\n {2}actual: {3}it waits for what is not in its journal$/,
    ],
    [
      'a sleep in place of an action',
      () => work('a'),
      async () => {
        await sleep('1h');
      },
      /expected: action "replays-work".*\n {2}actual: {3}timer/,
    ],
    [
      'two that changed their places',
      async () => [await work('a'), await other('b')],
      async () => [await other('b'), await work('a')],
      /expected: action "replays-work".*\n {2}actual: {3}action "replays-other"/,
    ],
    [
      'another result',
      async () => `${await work('a')} 1`,
      async () => `${await work('a')} 2`,
      /^the replay of run \S+ came to another end\n {2}expected: SUCCEEDED: "a! 1"\n {2}actual: {3}SUCCEEDED: "a! 2"$/,
    ],
    [
      'another error',
      async () => {
        throw new RangeError('one');
      },
      async () => {
        throw new TypeError('one');
      },
      /expected: FAILED: RangeError: one\n {2}actual: {3}FAILED: TypeError: one$/,
    ],
    [
      'another message',
      async () => {
        throw new RangeError('one');
      },
      async () => {
        throw new RangeError('two');
      },
      /expected: FAILED: RangeError: one\n {2}actual: {3}FAILED: RangeError: two$/,
    ],
    [
      'a failure in place of a success',
      async () => work('a'),
      async () => {
        await work('a');
        throw new RangeError('no');
      },
      /expected: SUCCEEDED: "a!"\n {2}actual: {3}FAILED: RangeError: no$/,
    ],
    [
      'a success in place of a failure',
      async () => {
        await work('a');
        throw new RangeError('no');
      },
      async () => work('a'),
      /expected: FAILED: RangeError: no\n {2}actual: {3}SUCCEEDED: "a!"$/,
    ],
    [
      'a leak that is mended',
      async () => void work.start('a'),
      async () => {
        await work('a');
      },
      /expected: FAILED: LeakedFuturesError: .*action "replays-work" \(0, RUNNING\)$[\s\S]*actual: {3}it waits for what is not in its journal$/m,
    ],
    [
      'a batch with another item',
      async () => (await map(['a', 'b'], work)).getResults(),
      async () => (await map(['a', 'c'], work)).getResults(),
      /map/,
    ],
    ['another child flow', () => child('a'), () => work('a'), /expected: flow "replays-child".*\n {2}actual: {3}action "replays-work"/],
  ])('%s', async (_what, before, after, message) => {
    const error = await difference(before, after);
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ name: 'AssertionError', code: 'ERR_ASSERTION', operator: 'assertReplays' });
  });

  test('a flow that waits for something that is not durable', async () => {
    const changed = changing<unknown>();
    changed.body = () => work('a');
    const journal = await recorded(changed.main);
    changed.body = () => new Promise(() => {});
    await expect(assertReplays(changed.main, journal)).rejects.toMatchObject({ name: 'AssertionError' });
  });

  test('what it expected, and what it is', async () => {
    const error = await difference(
      async () => 1,
      async () => 2,
    );
    expect(error).toMatchObject({ expected: 'SUCCEEDED: 1', actual: 'SUCCEEDED: 2' });
  });

  test('a shield that is gone from a cancelled run', async () => {
    const engine = testEngine({ autoAdvance: false });
    const changed = changing<void>();
    changed.body = async () => {
      await sleep('3d').finally(() => shield(() => work('clean')));
    };
    const future = engine.start(changed.main, []);
    await future.recorded();
    await engine.advance('1h');
    await engine.cancel(future.id);
    await future.exception();
    const { journal } = await engine.report(future.id);
    await assertReplays(changed.main, journal);
    changed.body = async () => {
      await sleep('3d');
    };
    await expect(assertReplays(changed.main, journal)).rejects.toMatchObject({ name: 'AssertionError' });
  });
});

describe('a serdes', () => {
  const reversed: Serdes = {
    serialize: (value) => `<${JSON.stringify(value) ?? ''}>`,
    deserialize: (text) => (text === '<>' ? undefined : (JSON.parse(text.slice(1, -1)) as unknown)),
  };

  test('of the engine has to be given', async () => {
    const main = aFlow(async () => [await work('a'), (await map(['b'], work)).getResults()]);
    const journal = await recorded(main, { serdes: reversed });
    await assertReplays(main, journal, { serdes: reversed });
    await expect(assertReplays(main, journal)).rejects.toThrow();
  });

  test('of a flow and of an action is its own', async () => {
    const coded = action(unique('coded'), async (text: string) => `${text}!`, { serdes: reversed });
    const main = flow(unique('coded-flow'), async () => [await coded('a'), await work('b')], { serdes: reversed });
    const journal = await recorded(main);
    expect(journal[0].outcome).toBe('<["a!","b!"]>');
    await assertReplays(main, journal);
  });
});

describe('a value that is too large', () => {
  const long = action(unique('long'), async (length: number) => 'x'.repeat(length));

  test.each<[string, () => Promise<unknown>, string]>([
    ['caught', async () => [await work('x'.repeat(1000)).catch(({ code }) => code), await work('b')], 'SUCCEEDED'],
    ['of an action', async () => [await long(1000).catch(({ code }) => code), await work('b')], 'SUCCEEDED'],
    ['of a run', async () => 'x'.repeat(1000), 'FAILED'],
  ])('is too large for a replay: %s', async (_what, body, expected) => {
    const maxValueBytes = 500;
    const engine = testEngine({ maxValueBytes });
    const main = aFlow(body);
    const { journal, status } = await engine.run(main);
    expect(status).toBe(expected);
    await engine.assertReplays();
    await assertReplays(main, journal, { maxValueBytes });
    await explore(main, [], { runs: 2, engine: { maxValueBytes } });
  });

  test('is told of where the limit is not the one that was recorded with', async () => {
    const main = aFlow(async () => work('x'.repeat(1000)).catch(({ code }) => code));
    const journal = await recorded(main, { maxValueBytes: 500 });
    await expect(assertReplays(main, journal)).rejects.toMatchObject({ name: 'AssertionError', operator: 'assertReplays' });
  });

  test('has the limit of open() unless another is given', async () => {
    const main = aFlow(async () => work('x'.repeat(5 * 1024 * 1024)).catch(({ code }) => code));
    await assertReplays(main, await recorded(main));
  });
});

describe('refuses', () => {
  const main = flow(unique('refusing'), async () => work('a'));

  test.each<[string, (journal: RunJournal) => unknown, RegExp]>([
    ['what is no array', (journal) => journal[0], /: it is not an array$/],
    ['nothing', () => undefined, /: it is not an array$/],
    ['a text', (journal) => JSON.stringify(journal), /: it is not an array$/],
    ['an empty one', () => [], /: its first entry is not that of the run$/],
    ['one without its run', ([, ...operations]) => operations, /: its first entry is not that of the run$/],
    ['one that begins with nothing', ([, ...operations]) => [null, ...operations], /: its first entry is not that of the run$/],
    ['another format', ([run, ...operations]) => [{ ...run, format: 2 }, ...operations], /: its format is 2, and this release reads 1$/],
    ['a run without a field', ([{ seed: _, ...run }, ...operations]) => [run, ...operations], /: "seed" of entry 0 is not a text$/],
    ['an operation without a field', ([run, operation]) => [run, { ...operation, name: 5 }], /: "name" of entry 1 is not a text$/],
    ['an operation that is nothing', ([run]) => [run, null], /: "runId" of entry 1 is not a text$/],
    [
      'one of another flow',
      ([run, ...operations]) => [{ ...run, flow: 'another' }, ...operations],
      /the journal is of flow "another", not of "/,
    ],
  ])('%s as a journal', async (_what, broken, message) => {
    const error = await thrownBy(async () => assertReplays(main, broken(await recorded(main)) as never));
    expect(error).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT' });
    expect(error.message).toMatch(message);
  });

  test('a version that is not registered', async () => {
    const [run, ...operations] = await recorded(main);
    const error = await thrownBy(() => assertReplays(main, [{ ...run, version: 7 }, ...operations]));
    expect(error).toMatchObject({ name: 'UsageError', code: 'FLOW_NOT_REGISTERED' });
    expect(error.message).toMatch(
      /^assertReplays\(\): no flow "refusing-\d+" version 7 is registered in this process: import the module that defines it, or keep the old version beside the new one$/,
    );
  });

  test.each<[string, unknown]>([
    ['an action', work],
    ['a plain function', async () => 1],
    ['nothing', undefined],
  ])('%s', async (_what, target) => {
    const journal = await recorded(main);
    await expect(assertReplays(target as never, journal)).rejects.toMatchObject({ name: 'UsageError', code: 'NOT_STARTABLE' });
  });

  test.each<[string, unknown]>([
    ['options that there are not', { what: 1 }],
    ['a serdes that is none', { serdes: 5 }],
    ['a size that is none', { maxValueBytes: 0 }],
    ['options that are no object', 5],
  ])('%s', async (_what, options) => {
    const journal = await recorded(main);
    await expect(assertReplays(main, journal, options as never)).rejects.toMatchObject({ name: 'UsageError', code: 'INVALID_OPTION' });
  });
});

describe('engine.assertReplays()', () => {
  test('replays every run of the engine, children too', async () => {
    const engine = testEngine();
    const main = aFlow(async () => [await child('a'), await work('b')]);
    await engine.run(main);
    await engine.run(main);
    const before = engine.calls(work).length;
    await engine.assertReplays();
    expect(engine.calls(work)).toHaveLength(before);
  });

  test('passes an engine without runs', async () => {
    await testEngine().assertReplays();
  });

  test('leaves out flows that something stood in for, and replays those that called them', async () => {
    const engine = testEngine();
    const mocked = flow(unique('mocked'), async () => 1);
    let draws = 0;
    engine.mock(mocked, () => {
      draws += 1;
      return draws;
    });
    await engine.run(aFlow(async () => mocked()));
    await engine.assertReplays();
    expect(draws).toBe(1);
  });

  test('replays runs with mocked actions, and calls no mock', async () => {
    const engine = testEngine();
    engine.mock(work, 'mocked', { latency: '1h' });
    await engine.run(aFlow(async () => work('a')));
    await engine.assertReplays();
    expect(engine.calls(work)).toHaveLength(1);
  });

  test('names the run that comes to another end', async () => {
    const engine = testEngine();
    let count = 0;
    const counting = aFlow(async () => {
      count += 1;
      return count;
    });
    await engine.run(
      aFlow(async () => work('a')),
      [],
      { id: 'sound' },
    );
    await engine.run(counting, [], { id: 'counting' });
    const error = await thrownBy(() => engine.assertReplays());
    expect(error).toMatchObject({ name: 'AssertionError', expected: 'SUCCEEDED: 1', actual: 'SUCCEEDED: 2' });
    expect(error.message).toMatch(/^the replay of run counting came to another end/);
  });

  test('takes runs that sleep as far as they go', async () => {
    const engine = testEngine({ autoAdvance: false });
    const future = engine.start(
      aFlow(async () => [await work('a'), await sleep('3d')]),
      [],
    );
    const sleeping = nextEvent(engine, 'operation:started', ({ kind }) => kind === 'timer');
    await sleeping;
    await engine.advance(1);
    await engine.assertReplays();
    expect((await engine.report(future.id)).status).toBe('RUNNING');
  });

  test('reads the values of a serdes of the engine', async () => {
    const serdes: Serdes = {
      serialize: (value) => `=${JSON.stringify(value)}`,
      deserialize: (text) => JSON.parse(text.slice(1)) as unknown,
    };
    const engine = testEngine({ serdes });
    await engine.run(aFlow(async () => work('a')));
    await engine.assertReplays();
  });
});

describe('a golden journal', () => {
  const reserve = action('golden-reserve', async (item: string) => `${item} is reserved`);
  const charge = action('golden-charge', async (_cents: number): Promise<string> => {
    throw new RangeError('no money');
  });
  const notify = flow('golden-notify', async (text: string) => text.length);

  // Neither this flow nor its journal below may change: releases to come have to replay what this one wrote.
  const order = flow('golden-order', async (item: string, cents: number) => {
    const reserved = await reserve(item);
    const charged = await charge(cents).catch((error: Error) => `${error.name}: ${error.message}`);
    const late = sleep.start('3h');
    const first = await Promise.race([late, notify(reserved)]);
    late.cancel();
    await sleep('1d');
    const lengths = (await map([item, charged], async (text) => (await notify(text)) + 1, { name: 'lengths' })).getResults();
    return { reserved, charged, first, lengths, draw: random(), at: now() };
  });

  const golden: RunJournal = [
    {
      kind: 'run',
      format: 1,
      id: 'order-1',
      flow: 'golden-order',
      version: 1,
      status: 'SUCCEEDED',
      input: '["lamp",400]',
      digest: 'SGzzGbpDiaHvhA7wk6Qm5t',
      seed: 'test order-1',
      options: null,
      parentRunId: null,
      parentOperationId: null,
      outcome:
        '{"reserved":"lamp is reserved","charged":"RangeError: no money","first":16,"lengths":[5,21],"draw":0.2781496996207067,"at":86400000}',
      blockedCode: null,
      createdAt: 0,
      finishedAt: 86400000,
    },
    {
      runId: 'order-1',
      id: '0',
      kind: 'action',
      name: 'golden-reserve',
      digest: 'UWIxorhI1WSC_uyxmMWZS_',
      input: '["lamp"]',
      status: 'SUCCEEDED',
      seq: 1,
      outcome: '"lamp is reserved"',
      startedAt: 0,
      finishedAt: 0,
      dueAt: null,
      childRunId: null,
      attempts: null,
    },
    {
      runId: 'order-1',
      id: '1',
      kind: 'action',
      name: 'golden-charge',
      digest: '6LnzRfeiW0XQTBmRrNA6Q8',
      input: '[400]',
      status: 'FAILED',
      seq: 2,
      outcome: '*[["e","RangeError","RangeError",2,"message","no money","stack","RangeError: no money"]]',
      startedAt: 0,
      finishedAt: 0,
      dueAt: null,
      childRunId: null,
      attempts: null,
    },
    {
      runId: 'order-1',
      id: '3',
      kind: 'flow',
      name: 'golden-notify',
      digest: 'qNXvVazEih3KbVmouGrVfF',
      input: '["lamp is reserved"]',
      status: 'SUCCEEDED',
      seq: 3,
      outcome: '16',
      startedAt: 0,
      finishedAt: 0,
      dueAt: null,
      childRunId: 'order-1/3',
      attempts: null,
    },
    {
      runId: 'order-1',
      id: '4',
      kind: 'timer',
      name: 'sleep',
      digest: 'zhUEnw072ZUMZN7Ne-EZQ9',
      input: null,
      status: 'SUCCEEDED',
      seq: 4,
      outcome: '',
      startedAt: 0,
      finishedAt: 86400000,
      dueAt: 86400000,
      childRunId: null,
      attempts: null,
    },
    {
      runId: 'order-1',
      id: '5.0.0',
      kind: 'flow',
      name: 'golden-notify',
      digest: 'UWIxorhI1WSC_uyxmMWZS_',
      input: '["lamp"]',
      status: 'SUCCEEDED',
      seq: 5,
      outcome: '4',
      startedAt: 86400000,
      finishedAt: 86400000,
      dueAt: null,
      childRunId: 'order-1/5.0.0',
      attempts: null,
    },
    {
      runId: 'order-1',
      id: '5.1.0',
      kind: 'flow',
      name: 'golden-notify',
      digest: '_pHqLNPzojhmb9TNt9JNKd',
      input: '["RangeError: no money"]',
      status: 'SUCCEEDED',
      seq: 6,
      outcome: '20',
      startedAt: 86400000,
      finishedAt: 86400000,
      dueAt: null,
      childRunId: 'order-1/5.1.0',
      attempts: null,
    },
    {
      runId: 'order-1',
      id: '5.0',
      kind: 'branch',
      name: 'map-item-0',
      digest: '',
      input: null,
      status: 'SUCCEEDED',
      seq: 7,
      outcome: '5',
      startedAt: 86400000,
      finishedAt: 86400000,
      dueAt: null,
      childRunId: null,
      attempts: null,
    },
    {
      runId: 'order-1',
      id: '5.1',
      kind: 'branch',
      name: 'map-item-1',
      digest: '',
      input: null,
      status: 'SUCCEEDED',
      seq: 8,
      outcome: '21',
      startedAt: 86400000,
      finishedAt: 86400000,
      dueAt: null,
      childRunId: null,
      attempts: null,
    },
    {
      runId: 'order-1',
      id: '5',
      kind: 'map',
      name: 'lengths',
      digest: 'lS7WjLq_XLjsZQTSvOrkuX',
      input: '{"unfinished":"cancel","limits":{"toleratedFailurePercentage":100}}\n["lamp","RangeError: no money"]',
      status: 'SUCCEEDED',
      seq: 9,
      outcome: '{"reason":"ALL_COMPLETED","items":"SS"}',
      startedAt: 86400000,
      finishedAt: 86400000,
      dueAt: null,
      childRunId: null,
      attempts: null,
    },
    {
      runId: 'order-1',
      id: '2',
      kind: 'timer',
      name: 'sleep',
      digest: 'exARFrh888wIN4XvwYqPYE',
      input: null,
      status: 'CANCELLED',
      seq: null,
      outcome:
        '*[["e","perdure/CancelledError","CancelledError",2,"message","timer \\"sleep\\" (2) was cancelled","stack","CancelledError: timer \\"sleep\\" (2) was cancelled","code","CANCELLED"]]',
      startedAt: 0,
      finishedAt: 0,
      dueAt: 10800000,
      childRunId: null,
      attempts: null,
    },
  ];

  test('is replayed', async () => {
    await assertReplays(order, golden);
  });

  const [, ...operations] = golden;

  // Branches that have ended are not run again, so nobody looks at what is in them.
  test.each(operations.filter(({ id, seq }) => seq !== null && !id.includes('.')))(
    'whose $kind "$name" ($id) has another name differs',
    async ({ id }) => {
      const changed = golden.map((entry) => (entry.kind !== 'run' && entry.id === id ? { ...entry, name: 'another' } : entry));
      await expect(assertReplays(order, changed)).rejects.toMatchObject({ name: 'AssertionError' });
    },
  );
});

test('a rejection that nobody handles in a replayed flow does not kill the process', async () => {
  const { code, stdout, stderr } = await runChild('../../testing/children/replayed-rejection.ts');
  expect({ code, stdout, stderr }).toStrictEqual({ code: 0, stdout: 'replayed\n', stderr: '' });
});
