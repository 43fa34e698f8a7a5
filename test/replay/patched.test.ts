import { action, continueAsNew, event, flow, parallel, patched, shield, sleep } from 'perdure';
import { beforeEach, describe, expect, test } from 'vitest';
import { unique } from '../api/with-engine.js';
import { batchOf, workerOf } from '../store/records.js';
import { atRest, Generations, nextEvent } from './generations.js';

/** The bodies of actions that were called. */
let calls: string[] = [];

const act = action('patched act', async (input: string) => {
  calls.push(input);
  return input;
});
const failing = action('patched failing', async () => {
  calls.push('failing');
  throw new RangeError('no');
});

beforeEach(() => {
  calls = [];
});

/** Lets the run go on to its end, and tells that. */
async function finish(run: Generations, body: () => Promise<unknown>): Promise<unknown> {
  await run.reopen(body);
  await run.engine.send(run.runId, 'go', 'went');
  return run.engine.future(run.runId);
}

describe('a run that was beyond the place before the change', () => {
  interface Old {
    readonly where: string;
    readonly old: () => Promise<unknown>;
    /** Names of events that come while the old code is there. */
    readonly sent?: readonly string[];
    readonly mended: () => Promise<unknown>;
    readonly end: unknown;
  }
  const OLD: readonly Old[] = [
    {
      where: 'with an outcome behind it',
      old: async () => [await act('old'), await event('go')],
      mended: async () => [patched('p') ? await act('new') : await act('old'), await event('go')],
      end: ['old', 'went'],
    },
    {
      where: 'with a failure behind it',
      old: async () => [await failing().catch(() => 'caught'), await event('go')],
      mended: async () => [patched('p') ? await act('new') : await failing().catch(() => 'caught'), await event('go')],
      end: ['caught', 'went'],
    },
    {
      where: 'with no more than a start behind it',
      old: async () => event('go'),
      mended: async () => (patched('p') ? ['new', await event('go')] : event('go')),
      end: 'went',
    },
    {
      where: 'with a message behind it, for an event it had asked for by then',
      old: async () => {
        const [early, go] = [event('early'), event('go')];
        return [await act('old'), await early, await go];
      },
      sent: ['early'],
      mended: async () => {
        const [early, go] = [event('early'), event('go')];
        await act('old');
        return [patched('p') ? await act('new') : 'old', await early, await go];
      },
      end: ['old', undefined, 'went'],
    },
    {
      where: 'with a timer under way',
      old: async () => Promise.all([sleep.start('1d'), event('go')].slice(1)),
      mended: async () => {
        const timers = patched('p') ? [] : [sleep.start('1d')];
        const value = await event('go');
        for (const timer of timers) timer.cancel();
        return [value];
      },
      end: ['went'],
    },
    {
      where: 'in a branch that is under way',
      old: async () => (await parallel([async () => [await act('in branch'), await event('go')]])).getResults(),
      mended: async () =>
        (await parallel([async () => [patched('p') ? await act('new') : await act('in branch'), await event('go')]])).getResults(),
      end: [['in branch', 'went']],
    },
    {
      where: 'with a branch behind it that has ended',
      old: async () => [(await parallel([() => act('in branch')])).getResults(), await event('go')],
      mended: async () => [patched('p') ? [] : (await parallel([() => act('in branch')])).getResults(), await event('go')],
      end: [['in branch'], 'went'],
    },
  ];

  test.each(OLD)('does not have it: $where', async ({ old, sent = [], mended, end }) => {
    const run = new Generations();
    await run.record(old);
    for (const name of sent) {
      await run.reopen(old);
      await run.engine.send(run.runId, name);
      await atRest(run.engine);
      await run.engine.close({ timeout: 0 });
    }
    const before = [...calls];
    expect(await finish(run, mended)).toEqual(end);
    expect(calls).toEqual(before);
    expect((await run.journal()).filter(({ kind, outcome }) => kind === 'patch' && outcome !== 'false')).toEqual([]);
  });

  test('does not have it on any later replay, wherever it asks again', async () => {
    const run = new Generations();
    await run.record(async () => [await act('old'), await event('go')]);
    const answers: boolean[][] = [];
    const mended = async (): Promise<boolean[]> => {
      const asked = [patched('p')];
      answers.push(asked);
      await act('old');
      asked.push(patched('p'));
      await event('go');
      asked.push(patched('p'));
      await event('again');
      asked.push(patched('p'));
      return asked;
    };
    await run.reopen(mended);
    await run.engine.send(run.runId, 'go');
    await atRest(run.engine);
    await run.engine.close({ timeout: 0 });
    await run.reopen(mended);
    await run.engine.send(run.runId, 'again');
    expect(await run.engine.future(run.runId)).toEqual([false, false, false, false]);
    expect(answers).toEqual([
      [false, false, false],
      [false, false, false, false],
    ]);
  });

  test('does not have it where its cancellation lies behind', async () => {
    const run = new Generations();
    const body = (change: () => boolean) => async (): Promise<unknown> => {
      const held = shield(() => event('go'));
      const long = sleep.start('1d');
      await act('old');
      const has = change();
      await long.exception();
      return [has, await held];
    };
    await run.record(body(() => false));
    await run.reopen(body(() => false));
    await run.engine.cancel(run.runId);
    await atRest(run.engine);
    await run.engine.close({ timeout: 0 });
    expect(
      await finish(
        run,
        body(() => patched('p')),
      ),
    ).toEqual([false, 'went']);
  });

  test('has other changes beyond the place where it stands', async () => {
    const run = new Generations();
    await run.record(async () => [await act('a'), await event('go')]);
    const mended = async (): Promise<unknown> => {
      const early = patched('early');
      await act('a');
      await event('go');
      const late = patched('late');
      return [early, late, late ? await act('late') : ''];
    };
    expect(await finish(run, mended)).toEqual([false, true, 'late']);
  });

  test('has it from its next generation on', async () => {
    const run = new Generations();
    let begun = 0;
    await run.record(async () => event('go'));
    const mended = async (): Promise<unknown> => {
      begun += 1;
      const has = patched('p');
      if (has) return ['new', await act('new')];
      await event('go');
      return continueAsNew();
    };
    expect(await finish(run, mended)).toEqual(['new', 'new']);
    expect(begun).toBe(2);
  });
});

describe('a run that had not come to the place', () => {
  test('has it, and keeps it on every replay', async () => {
    const run = new Generations();
    await run.record(async () => [await act('first'), await event('go')]);
    const answers: boolean[] = [];
    const mended = async (): Promise<unknown> => {
      const seen: unknown[] = [await act('first'), await event('go')];
      answers.push(patched('p'));
      if (answers.at(-1) === true) seen.push(await act('added'));
      return [...seen, await event('again')];
    };
    await run.reopen(mended);
    await run.engine.send(run.runId, 'go', 'went');
    await atRest(run.engine);
    await run.engine.close({ timeout: 0 });
    await run.reopen(mended);
    await run.engine.send(run.runId, 'again', 'more');
    expect(await run.engine.future(run.runId)).toEqual(['first', 'went', 'added', 'more']);
    expect([answers, calls]).toEqual([
      [true, true],
      ['first', 'added'],
    ]);
  });

  test('has it although a message has come that it has not asked for', async () => {
    const run = new Generations();
    await run.record(async () => sleep('1d'));
    // Recorded, and of nobody's asking.
    await run.reopen(async () => sleep('1d'));
    await run.engine.send(run.runId, 'early', 1);
    await atRest(run.engine);
    await run.engine.close({ timeout: 0 });
    const mended = async (): Promise<unknown> => {
      const timer = sleep.start('1d');
      const had = patched('p');
      timer.cancel();
      return [had, await event('early')];
    };
    await run.reopen(mended);
    expect(await run.engine.future(run.runId)).toEqual([true, 1]);
  });

  test('has it in every branch, when the first has asked', async () => {
    const run = new Generations();
    const body = async (): Promise<unknown> => {
      const batch = await parallel(
        ['a', 'b', 'c'].map((name) => async () => [patched('p'), await act(name), await event('go'), patched('p')]),
      );
      return batch.getResults();
    };
    await run.record(body);
    await run.reopen(body);
    for (let count = 0; count < 3; count += 1) await run.engine.send(run.runId, 'go', 'went');
    expect(await run.engine.future(run.runId)).toEqual(['a', 'b', 'c'].map((name) => [true, name, 'went', true]));
    expect(calls.sort()).toEqual(['a', 'b', 'c']);
  });
});

test('code that has gone back without the change does not fit a run that has it', async () => {
  const run = new Generations();
  await run.record(async () => [patched('p') ? await act('new') : await act('old'), await event('go')]);
  await run.reopen(async () => [await act('old'), await event('go')]);
  await atRest(run.engine);
  expect(await run.engine.get(run.runId)).toMatchObject({ status: 'BLOCKED', blockedCode: 'NON_DETERMINISM' });
});

test('a change that is asked for no more, with its new code in place, fits the runs that have it', async () => {
  const run = new Generations();
  await run.record(async () => [patched('p') ? await act('new') : await act('old'), await event('go')]);
  expect(await finish(run, async () => [await act('new'), await event('go')])).toEqual(['new', 'went']);
});

describe('versions side by side', () => {
  test('a run goes on under its own, though others begin under the highest', async () => {
    const run = new Generations();
    await run.record(async () => ['one', await act('old'), await event('go')]);
    flow(run.flow, async () => ['two', await event('go')], { version: 2 });
    await run.open();
    const future = run.engine.start(
      flow(run.flow, async () => ['three'], { version: 3 }),
      [],
    );
    await run.engine.send(run.runId, 'go', 'went');
    expect([await run.engine.future(run.runId), await future]).toEqual([['one', 'old', 'went'], ['three']]);
    expect(calls).toEqual(['old']);
    const versions = (await run.engine.list()).map(({ version }) => version);
    expect(versions).toEqual([3, 1]);
  });

  test('a version that is replaced changes its own runs only', async () => {
    const run = new Generations();
    await run.record(async () => ['one', await event('go')]);
    flow(run.flow, async () => 'two', { version: 2 });
    flow(run.flow, async () => 'two, mended', { version: 2, replace: true });
    const body = async (): Promise<unknown> => ['one, mended', await event('go')];
    expect(await finish(run, body)).toEqual(['one, mended', 'went']);
  });

  test('a run begins anew under its own version', async () => {
    const run = new Generations();
    await run.record(async () => event('go'));
    flow(run.flow, async () => 'two', { version: 2 });
    let begun = 0;
    const body = async (): Promise<unknown> => {
      begun += 1;
      if (begun === 2) return 'one, again';
      await event('go');
      return continueAsNew();
    };
    expect(await finish(run, body)).toBe('one, again');
    expect((await run.engine.get(run.runId)).version).toBe(1);
  });

  test('a child run begins under the highest, and stays there', async () => {
    const name = unique('child');
    const child = flow(name, async () => ['one', await event('go')]);
    const run = new Generations();
    const body = async (): Promise<unknown> => child.with({ id: `${run.flow} child` })();
    await run.record(body);
    flow(name, async () => ['two', await event('go')], { version: 2 });
    await run.reopen(body);
    await run.engine.send(`${run.flow} child`, 'go', 'went');
    expect(await run.engine.future(run.runId)).toEqual(['one', 'went']);
  });
});

test('a run whose version nobody has waits, and goes on when it comes', async () => {
  const run = new Generations();
  const version = 7;
  const name = unique('missing');
  const { store } = run;
  await store.open();
  await store.registerWorker(workerOf('gone', 0));
  const created = { ...BLANK, id: 'left', flow: name, version, workerId: 'gone' };
  await store.commit(
    batchOf({
      workerId: 'gone',
      creates: [{ run: created }],
    }),
  );
  await store.close();
  flow(name, async () => 'six', { version: 6 });
  await run.open();
  expect(await run.engine.get('left')).toMatchObject({ status: 'BLOCKED', blockedCode: 'FLOW_NOT_REGISTERED', version });
  const started = nextEvent(run.engine, 'run:started');
  flow(name, async () => 'seven', { version });
  await started;
  expect(await run.engine.future('left')).toBe('seven');
});

const BLANK = {
  status: 'RUNNING',
  input: '[]',
  digest: '',
  seed: 'seed',
  options: null,
  parentRunId: null,
  parentOperationId: null,
  outcome: null,
  blockedCode: null,
  createdAt: 0,
  finishedAt: null,
  crashes: 0,
  wakeAt: null,
} as const;
