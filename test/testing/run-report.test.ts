import {
  action,
  BatchResult,
  CancelledError,
  CompletionConfig,
  flow,
  map,
  parallel,
  RetryPresets,
  random,
  type Serdes,
  type SucceededItem,
  sleep,
  UsageError,
  uuid,
} from 'perdure';
import { describe, expect, test } from 'vitest';
import { type OperationReport, type RunReport, sequence, type TestEngine, type TestEngineOptions } from '../../src/testing.js';
import { nextEvent, settle, thrownBy, unique } from '../api/with-engine.js';
import { aFlow, testEngine as anyTestEngine } from './with-test-engine.js';

const HOUR_MS = 3_600_000;

const reserve = action('reserve', async (item: string) => ({ item, shelf: 7 }));
const charge = action('charge', async (item: string, cents: number): Promise<string> => `${item} ${cents}`);
const refuse = action('refuse', async (why: string): Promise<string> => {
  throw new RangeError(why);
});
const hung = action('hang', () => new Promise<string>(() => {}));
const ship = flow('ship', async (item: string) => {
  await sleep('1h');
  return charge(item, 5);
});

/** An engine whose time begins at zero. */
function testEngine(options: TestEngineOptions = {}): TestEngine {
  return anyTestEngine({ startTime: 0, ...options });
}

/** The report of a flow that is run on an engine of its own. */
function reportOf<R>(body: () => Promise<R>, options: TestEngineOptions = {}): Promise<RunReport<R>> {
  return testEngine(options).run(aFlow(body));
}

/** The tree as ids, kinds and statuses. */
function outline(operations: readonly OperationReport[]): unknown[] {
  return operations.map(({ id, kind, name, status, children }) => {
    const own = `${id} ${kind} ${name} ${status}`;
    return children.length === 0 ? own : [own, ...outline(children)];
  });
}

describe('a run', () => {
  test('that succeeded has its result', async () => {
    const engine = testEngine();
    const body = aFlow(async (item: string) => reserve(item));
    const report = await engine.run(body, ['lamp'], { id: 'order-1' });
    expect(report).toMatchObject({ runId: 'order-1', flow: body.name, status: 'SUCCEEDED', error: undefined });
    expect(report.result).toStrictEqual({ item: 'lamp', shelf: 7 });
  });

  test.each([
    ['undefined', undefined],
    ['null', null],
    ['a date', new Date(5)],
    ['a map', new Map([[1, new Set(['x'])]])],
    ['a bigint', 12n],
    ['an error', new RangeError('kept')],
  ])('that succeeded has its result as it is: %s', async (_what, value) => {
    expect((await reportOf<unknown>(async () => value)).result).toStrictEqual(value);
  });

  test('that failed has its error', async () => {
    const report = await reportOf(async () => {
      throw new RangeError('out of stock');
    });
    expect(report).toMatchObject({ status: 'FAILED', result: undefined });
    expect(report.error).toBeInstanceOf(RangeError);
    expect(report.error?.message).toBe('out of stock');
  });

  test('that was cancelled has the cancellation', async () => {
    const engine = testEngine();
    const future = engine.start(
      aFlow(() => hung()),
      [],
    );
    await nextEvent(engine, 'operation:started');
    await engine.cancel(future.id, 'no longer wanted');
    await future.exception();
    const report = await engine.report(future.id);
    expect(report).toMatchObject({ status: 'CANCELLED', result: undefined });
    expect(report.error).toBeInstanceOf(CancelledError);
    expect(report.error?.message).toContain('no longer wanted');
    expect(outline(report.operations)).toStrictEqual(['0 action hang CANCELLED']);
  });

  test('that asked for nothing has no operations', async () => {
    const report = await reportOf(async () => 'done');
    expect([report.operations, report.journal.slice(1)]).toStrictEqual([[], []]);
  });
});

describe('the operations', () => {
  test('are in the order in which the flow asked for them', async () => {
    const report = await reportOf(async () => {
      const charged = charge.start('lamp', 5);
      const slept = sleep.start('1h');
      await reserve('lamp');
      await charged;
      await slept;
    });
    expect(outline(report.operations)).toStrictEqual([
      '0 action charge SUCCEEDED',
      '1 timer sleep SUCCEEDED',
      '2 action reserve SUCCEEDED',
    ]);
  });

  test('are in order where there are more than ten', async () => {
    const report = await reportOf(async () => {
      for (let count = 0; count < 12; count += 1) await reserve('lamp');
      await map(Array.from({ length: 12 }), () => reserve('lamp'));
    });
    const ids = Array.from({ length: 12 }, (_, index) => index);
    expect(report.operations.map(({ id }) => id)).toStrictEqual([...ids, 12].map(String));
    expect(report.get('map').children.map(({ id }) => id)).toStrictEqual(ids.map((id) => `12.${id}`));
  });

  test('of nested batches are nested', async () => {
    const report = await reportOf(async () => {
      await parallel({
        left: () => map(['a', 'b'], reserve, { name: 'inner' }),
        right: async () => {
          await sleep('1h');
          await charge('lamp', 5);
        },
      });
    });
    expect(outline(report.operations)).toStrictEqual([
      [
        '0 parallel parallel SUCCEEDED',
        [
          '0.0 branch left SUCCEEDED',
          [
            '0.0.0 map inner SUCCEEDED',
            ['0.0.0.0 branch map-item-0 SUCCEEDED', '0.0.0.0.0 action reserve SUCCEEDED'],
            ['0.0.0.1 branch map-item-1 SUCCEEDED', '0.0.0.1.0 action reserve SUCCEEDED'],
          ],
        ],
        ['0.1 branch right SUCCEEDED', '0.1.0 timer sleep SUCCEEDED', '0.1.1 action charge SUCCEEDED'],
      ],
    ]);
  });

  test('of child runs are below the operation that started them', async () => {
    const report = await reportOf(async () => {
      await reserve('lamp');
      return ship('lamp');
    });
    expect(outline(report.operations)).toStrictEqual([
      '0 action reserve SUCCEEDED',
      ['1 flow ship SUCCEEDED', '0 timer sleep SUCCEEDED', '1 action charge SUCCEEDED'],
    ]);
    expect(report.get('ship')).toMatchObject({ input: ['lamp'], output: 'lamp 5' });
    expect(report.get('charge')).toMatchObject({ input: ['lamp', 5], output: 'lamp 5' });
  });

  test('of child runs in branches are there', async () => {
    const report = await reportOf(async () => void (await map(['a', 'b'], ship)));
    expect(outline(report.operations)).toStrictEqual([
      [
        '0 map ship SUCCEEDED',
        ['0.0 branch map-item-0 SUCCEEDED', ['0.0.0 flow ship SUCCEEDED', '0 timer sleep SUCCEEDED', '1 action charge SUCCEEDED']],
        ['0.1 branch map-item-1 SUCCEEDED', ['0.1.0 flow ship SUCCEEDED', '0 timer sleep SUCCEEDED', '1 action charge SUCCEEDED']],
      ],
    ]);
  });

  test('of a branch that failed, and of one that is not done, are there', async () => {
    const report = await reportOf(async () => {
      await parallel({ bad: () => refuse('broken'), slow: () => sleep('9h') });
    });
    expect(report.get('parallel')).toMatchObject({ status: 'SUCCEEDED' });
    expect(report.get('bad')).toMatchObject({ kind: 'branch', status: 'FAILED', error: { name: 'RangeError', message: 'broken' } });
    expect(report.get('sleep')).toMatchObject({ id: '0.1.0', kind: 'timer', status: 'CANCELLED' });
    expect(report.getBatch('parallel').all.map(({ name, status }) => `${name} ${status}`)).toStrictEqual(['bad FAILED', 'slow STARTED']);
  });

  test('of branches under way stand below branches made for them, by name', async () => {
    const engine = testEngine({ patience: '10s' });
    const future = engine.start(
      aFlow(async () => {
        await parallel({ first: () => reserve('lamp'), second: () => hung() });
      }),
      [],
    );
    await nextEvent(engine, 'operation:finished');
    await settle();
    const { operations, status } = await engine.report(future.id);
    expect(status).toBe('RUNNING');
    expect(outline(operations)).toStrictEqual([
      [
        '0 parallel parallel STARTED',
        ['0.0 branch first SUCCEEDED', '0.0.0 action reserve SUCCEEDED'],
        ['0.1 branch second STARTED', '0.1.0 action hang STARTED'],
      ],
    ]);
  });

  test('that are not done are in a report of a run that goes on', async () => {
    const engine = testEngine({ patience: '10s' });
    const future = engine.start(
      aFlow(async () => {
        await reserve('lamp');
        await hung();
      }),
      [],
    );
    await nextEvent(engine, 'operation:started', ({ name }) => name === 'hang');
    await settle();
    const operation = (await engine.report(future.id)).get('hang');
    expect(operation.status).toBe('STARTED');
    for (const left of ['finishedAt', 'output', 'error']) expect(operation).not.toHaveProperty(left);
  });

  test('have their times', async () => {
    const report = await reportOf(
      async () => {
        await sleep('2h');
        await reserve('lamp');
        await ship('lamp');
      },
      { startTime: HOUR_MS },
    );
    const times = (name: string): unknown[] => {
      const { startedAt, finishedAt } = report.get(name);
      return [startedAt, finishedAt];
    };
    expect(times('sleep')).toStrictEqual([new Date(HOUR_MS), new Date(3 * HOUR_MS)]);
    expect(times('reserve')).toStrictEqual([new Date(3 * HOUR_MS), new Date(3 * HOUR_MS)]);
    expect(times('ship')).toStrictEqual([new Date(3 * HOUR_MS), new Date(4 * HOUR_MS)]);
    expect(times('charge')).toStrictEqual([new Date(4 * HOUR_MS), new Date(4 * HOUR_MS)]);
  });

  test('have their inputs and outputs', async () => {
    const report = await reportOf(async () => {
      await charge('lamp', 5);
      await map(['a', 'b'], reserve);
      await sleep('1h');
      await reserve('chair');
    });
    expect(report.get('charge')).toMatchObject({ kind: 'action', input: ['lamp', 5], output: 'lamp 5' });
    expect(report.operations[1]).toMatchObject({ kind: 'map', input: ['a', 'b'] });
    expect(report.operations[1]?.children[1]).toMatchObject({ kind: 'branch', output: { item: 'b', shelf: 7 } });
    expect(report.operations[1]?.children[1]).not.toHaveProperty('input');
    expect(report.get('sleep').output).toBeUndefined();
    expect(report.operations[3]).toMatchObject({ input: ['chair'] });
  });

  test('have an output of undefined as undefined', async () => {
    const nothing = action(unique('nothing'), async () => {});
    const report = await reportOf(() => nothing());
    const operation = report.get(nothing.name);
    expect(operation).toHaveProperty('output');
    expect(operation.output).toBeUndefined();
  });

  test('have their errors', async () => {
    const report = await reportOf(async () => {
      await refuse('broken').catch(() => undefined);
      return 'done';
    });
    expect(report.status).toBe('SUCCEEDED');
    const operation = report.get('refuse');
    expect(operation).toMatchObject({ status: 'FAILED', input: ['broken'] });
    expect(operation.error).toBeInstanceOf(RangeError);
    expect(operation).not.toHaveProperty('output');
  });

  test('have their attempts: one for an action and a child run, none for what is not tried', async () => {
    const report = await reportOf(async () => {
      await reserve('lamp');
      await sleep('1h');
      await ship('lamp');
    });
    expect(report.operations.map(({ kind, attempts }) => [kind, attempts])).toStrictEqual([
      ['action', 1],
      ['timer', 0],
      ['flow', 1],
    ]);
  });

  test('have the attempts that failed', async () => {
    const engine = testEngine();
    engine.mock(reserve, sequence(new RangeError('sold out'), { item: 'lamp', shelf: 1 }));
    const report = await engine.run(aFlow(async () => reserve.with({ retry: RetryPresets.fixed() })('lamp')));
    expect(report.get('reserve')).toMatchObject({
      status: 'SUCCEEDED',
      attempts: 2,
      failedAttempts: [{ attempt: 1, error: { name: 'RangeError', message: 'sold out' }, startedAt: new Date(0), failedAt: new Date(0) }],
    });
  });

  test('are those that the engine tells of', async () => {
    const engine = testEngine();
    const report = await engine.run(aFlow(async () => void (await map(['a', 'b'], ship))));
    expect(report.operations).toStrictEqual(await engine.operations(report.runId));
  });

  test('have the name of the call', async () => {
    const report = await reportOf(() => reserve.with({ name: 'reserve the lamp' })('lamp'));
    expect(report.get('reserve the lamp')).toMatchObject({ kind: 'action', output: { item: 'lamp' } });
  });

  test('leave the requests to cancel out, which the journal has', async () => {
    const report = await reportOf(async () => {
      const future = sleep.start('2h');
      await sleep('1h');
      future.cancel();
      await future.exception();
    });
    expect(outline(report.operations)).toStrictEqual(['0 timer sleep CANCELLED', '1 timer sleep SUCCEEDED']);
  });
});

describe('values with a serdes of their own', () => {
  const tagged: Serdes = {
    serialize: (value) => `tagged ${JSON.stringify(value)}`,
    deserialize: (text) => JSON.parse(text.slice('tagged '.length)) as unknown,
  };

  test('are decoded where the action has it', async () => {
    const act = action(unique('act'), async (value: string) => [value], { serdes: tagged });
    expect((await reportOf(() => act('x'))).get(act.name)).toMatchObject({ input: ['x'], output: ['x'] });
  });

  test('are decoded where the action has it, called by another name', async () => {
    const act = action(unique('act'), async (value: string) => [value], { serdes: tagged });
    const report = await reportOf(() => act.with({ name: 'renamed' })('x'));
    expect(report.get('renamed')).toMatchObject({ input: ['x'], output: ['x'] });
  });

  test('are decoded where the flow has it', async () => {
    const body = flow(unique('flow'), async (value: string) => [value], { serdes: tagged });
    expect((await testEngine().run(body, ['x'])).result).toStrictEqual(['x']);
  });

  test('are decoded where the engine has it', async () => {
    const report = await reportOf(async () => [await reserve('lamp')], { serdes: tagged });
    expect(report.result).toStrictEqual([{ item: 'lamp', shelf: 7 }]);
    expect(report.get('reserve')).toMatchObject({ input: ['lamp'], output: { item: 'lamp', shelf: 7 } });
  });

  test('are decoded where the child flow has it', async () => {
    const child = flow(unique('child'), async (value: string) => [value], { serdes: tagged });
    const report = await reportOf(() => child('x'));
    expect(report.get(child.name)).toMatchObject({ input: ['x'], output: ['x'] });
  });

  test('are texts where only the call had it', async () => {
    const report = await reportOf(() => reserve.with({ serdes: tagged })('lamp'));
    expect(report.result).toStrictEqual({ item: 'lamp', shelf: 7 });
    expect(report.get('reserve')).toMatchObject({ input: 'tagged ["lamp"]', output: 'tagged {"item":"lamp","shelf":7}' });
  });

  test('of items do not keep the report from coming', async () => {
    const report = await reportOf(async () => (await map(['a'], reserve, { itemSerdes: tagged })).getResults());
    expect(report.result).toStrictEqual([{ item: 'a', shelf: 7 }]);
  });

  test('of a whole batch do not keep the report from coming', async () => {
    const whole: Serdes = {
      serialize: (value) => `whole ${JSON.stringify(value)}`,
      deserialize: (text) => JSON.parse(text.slice('whole '.length)) as unknown,
    };
    const report = await reportOf(async () => (await map(['a'], reserve, { serdes: whole })).getResults());
    expect(report.result).toStrictEqual([{ item: 'a', shelf: 7 }]);
    expect(report.getMap('reserve').successCount).toBe(1);
  });
});

describe('get()', () => {
  test('finds the first of a name, at any depth', async () => {
    const report = await reportOf(async () => {
      await parallel([() => reserve('deep')]);
      await reserve('late');
    });
    expect(report.get('reserve')).toMatchObject({ id: '0.0.0', input: ['deep'] });
  });

  test('says what there is when there is none of the name', async () => {
    const report = await reportOf(() => reserve('lamp'));
    const error = await thrownBy(() => report.get('nothing'));
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('"nothing"') });
    expect(error.message).toContain('reserve');
  });
});

describe('getBatch() and getMap()', () => {
  test('give the result of a batch, as the flow had it', async () => {
    const report = await reportOf(async () =>
      map(['a', 'b', 'c'], async (item) => (item === 'b' ? refuse('broken') : `done ${item}`), { name: 'items' }),
    );
    for (const result of [report.getMap<string>('items'), report.getBatch<string>('items')]) {
      expect(result.toJSON()).toStrictEqual(report.result.toJSON());
      expect(result).toMatchObject({ totalCount: 3, successCount: 2, failureCount: 1, completionReason: 'ALL_COMPLETED' });
      expect(result.getResults()).toStrictEqual(['done a', 'done c']);
      expect(result.getErrors()[0]).toBeInstanceOf(RangeError);
      expect(result.get('map-item-2')).toMatchObject({ status: 'SUCCEEDED', result: 'done c' });
    }
  });

  test('give branches that never started, and their names', async () => {
    const names = ['a', 'b', 'c'];
    const report = await reportOf(async () => {
      await parallel(
        names.map((name) => ({ name, run: () => reserve(name) })),
        { name: 'first', maxConcurrency: 1, completionConfig: CompletionConfig.firstSuccessful() },
      );
    });
    expect(report.getBatch('first').all.map(({ name, status }) => `${name} ${status}`)).toStrictEqual([
      'a SUCCEEDED',
      'b NOT_STARTED',
      'c NOT_STARTED',
    ]);
  });

  test('give an empty batch', async () => {
    const report = await reportOf(async () => void (await map([], reserve, { name: 'none' })));
    expect(report.getMap('none')).toMatchObject({ totalCount: 0, status: 'SUCCEEDED' });
  });

  test('give the batch of a branch, and of a child run', async () => {
    const child = aFlow(async () => void (await map(['x'], reserve, { name: 'in the child' })));
    const report = await reportOf(async () => {
      await parallel([() => map(['y'], reserve, { name: 'in the branch' })]);
      await child();
    });
    const items = (name: string) =>
      report
        .getMap(name)
        .succeeded()
        .map(({ result }: SucceededItem<unknown>) => result);
    expect(items('in the branch')).toStrictEqual([{ item: 'y', shelf: 7 }]);
    expect(items('in the child')).toStrictEqual([{ item: 'x', shelf: 7 }]);
  });

  test('give values that can be stored', async () => {
    const report = await reportOf(async () => void (await map(['a'], reserve, { name: 'items' })));
    const json = JSON.parse(JSON.stringify(report.getMap('items'))) as unknown;
    expect(BatchResult.fromJSON(json).successCount).toBe(1);
  });

  test('pass what is no batch of the name by', async () => {
    const report = await reportOf(async () => {
      await reserve('lamp');
      await map(['a'], reserve);
    });
    expect(report.getMap('reserve').totalCount).toBe(1);
  });

  test('throw when there is none', async () => {
    const report = await reportOf(async () => {
      await reserve('lamp');
      await parallel([() => reserve('a')], { name: 'both' });
    });
    for (const call of [() => report.getBatch('reserve'), () => report.getMap('reserve'), () => report.getMap('both')]) {
      const error = await thrownBy(call);
      expect(error).toBeInstanceOf(UsageError);
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('parallel "both"') });
    }
  });

  test('throw when the batch has no result', async () => {
    const engine = testEngine();
    const future = engine.start(
      aFlow(async () => void (await map(['a'], () => hung(), { name: 'items' }))),
      [],
    );
    await nextEvent(engine, 'operation:started', ({ kind }) => kind === 'action');
    await engine.cancel(future.id);
    await future.exception();
    const report = await engine.report(future.id);
    for (const call of [() => report.getBatch('items'), () => report.getMap('items')])
      expect(await thrownBy(call)).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('CANCELLED') });
  });
});

describe('print()', () => {
  test('shows the run and the tree of its operations', async () => {
    const order = flow('print-order', async (item: string) => {
      await reserve(item);
      await parallel({ pay: () => charge(item, 5), wrap: () => sleep('10m') });
      await map(['a', 'b'], async (part) => (part === 'b' ? refuse('broken') : part), { name: 'parts' });
      await ship(item);
      await charge('x'.repeat(100), 1);
      return 'done';
    });
    const report = await testEngine({ startTime: Date.UTC(2025, 5, 1) }).run(order, ['lamp'], { id: 'order-1' });
    expect(report.print()).toMatchInlineSnapshot(`
      "flow "print-order" (order-1) SUCCEEDED
        0 action "reserve" SUCCEEDED 0 ms {"item":"lamp","shelf":7}
        1 parallel "parallel" SUCCEEDED 600000 ms {"status":"SUCCEEDED","completionReason":"ALL_COMPLETED","to…
          1.0 branch "pay" SUCCEEDED 0 ms "lamp 5"
            1.0.0 action "charge" SUCCEEDED 0 ms "lamp 5"
          1.1 branch "wrap" SUCCEEDED 600000 ms
            1.1.0 timer "sleep" SUCCEEDED 600000 ms
        2 map "parts" SUCCEEDED 0 ms {"status":"FAILED","completionReason":"ALL_COMPLETED","total…
          2.0 branch "map-item-0" SUCCEEDED 0 ms "a"
          2.1 branch "map-item-1" FAILED 0 ms RangeError: broken
            2.1.0 action "refuse" FAILED 0 ms RangeError: broken
        3 flow "ship" SUCCEEDED 3600000 ms "lamp 5"
          0 timer "sleep" SUCCEEDED 3600000 ms
          1 action "charge" SUCCEEDED 0 ms "lamp 5"
        4 action "charge" SUCCEEDED 0 ms "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
      "
    `);
  });

  test('shows the error of one that failed by its first line', async () => {
    const report = await testEngine().run(
      flow('print-failing', async () => refuse('first line\nsecond line')),
      [],
      { id: 'order-2' },
    );
    expect(report.print()).toMatchInlineSnapshot(`
      "flow "print-failing" (order-2) FAILED
        0 action "refuse" FAILED 0 ms RangeError: first line
      "
    `);
  });

  test('shows how many attempts there were, when there was more than one', async () => {
    const engine = testEngine();
    engine.mock(reserve, sequence(new Error('busy'), new Error('busy'), { item: 'lamp', shelf: 1 }));
    const tried = flow('print-attempts', async () => {
      await reserve.with({ retry: RetryPresets.fixed() })('lamp');
      await refuse.with({ retry: RetryPresets.fixed({ maxAttempts: 2, delay: '1s' }) })('broken');
    });
    expect((await engine.run(tried, [], { id: 'order-5' })).print()).toMatchInlineSnapshot(`
      "flow "print-attempts" (order-5) FAILED
        0 action "reserve" SUCCEEDED 3 attempts 10000 ms {"item":"lamp","shelf":1}
        1 action "refuse" FAILED 2 attempts 1000 ms RangeError: broken
      "
    `);
  });

  test('shows what is under way', async () => {
    const engine = testEngine({ patience: '10s' });
    engine.start(
      flow('print-running', async () => {
        await sleep('5m');
        await parallel({ slow: () => hung() });
      }),
      [],
      { id: 'order-3' },
    );
    await nextEvent(engine, 'operation:started', ({ name }) => name === 'hang');
    await settle();
    expect((await engine.report('order-3')).print()).toMatchInlineSnapshot(`
      "flow "print-running" (order-3) RUNNING
        0 timer "sleep" SUCCEEDED 300000 ms
        1 parallel "parallel" STARTED waits for its branches (0 have ended)
          1.0 branch "slow" STARTED
            1.0.0 action "hang" STARTED waits for attempt 1 to end
      "
    `);
  });

  test.each([
    ['a bigint', 12n],
    ['an object with a bigint', { amount: 5n }],
    ['a Map with a bigint', new Map([['x', 1n]])],
  ])('shows a value that JSON has not: %s', async (_what, value) => {
    const give = action(unique('give'), async (): Promise<unknown> => value);
    const report = await reportOf(() => give());
    expect(report.print()).toContain(`"${give.name}" SUCCEEDED`);
  });

  test('shows a value that refers to itself', async () => {
    const give = action(unique('give'), async (): Promise<unknown> => {
      const value: Record<string, unknown> = {};
      value['self'] = value;
      return value;
    });
    const report = await reportOf(async () => void (await give()));
    expect(report.print()).toContain(`"${give.name}" SUCCEEDED`);
  });
});

describe('the journal', () => {
  test('is that of the run, as the store has it', async () => {
    const engine = testEngine();
    const report = await engine.run(
      aFlow(async () => {
        await reserve('lamp');
        await ship('lamp');
      }),
    );
    const [run, ...operations] = report.journal;
    expect(run).toMatchObject({ kind: 'run', format: 1, id: report.runId, status: 'SUCCEEDED' });
    expect(JSON.parse(JSON.stringify(report.journal))).toStrictEqual(report.journal);
    expect(operations.map(({ runId, id, kind, name, status, seq }) => ({ runId, id, kind, name, status, seq }))).toStrictEqual([
      { runId: report.runId, id: '0', kind: 'action', name: 'reserve', status: 'SUCCEEDED', seq: 1 },
      { runId: report.runId, id: '1', kind: 'flow', name: 'ship', status: 'SUCCEEDED', seq: 2 },
    ]);
  });

  test('is the same for each run of the same flow and id on a fresh engine', async () => {
    const body = aFlow(async () => {
      await reserve('lamp');
      await map(['a', 'b'], (item) => charge(item, 5));
      await charge(uuid(), random());
      await sleep('1h');
    });
    const [one, other] = [await testEngine().run(body, [], { id: 'same' }), await testEngine().run(body, [], { id: 'same' })];
    expect(one.journal).toStrictEqual(other.journal);
    expect(one.print()).toBe(other.print());
  });

  test('does not change when the run goes on', async () => {
    const engine = testEngine();
    const future = engine.start(
      aFlow(async () => {
        await sleep('1h');
        await reserve('lamp');
      }),
      [],
    );
    await future.recorded();
    const early = await engine.report(future.id);
    const before = structuredClone(early.journal);
    await future;
    expect(early.journal).toStrictEqual(before);
    expect((await engine.report(future.id)).journal).toHaveLength(3);
  });
});
