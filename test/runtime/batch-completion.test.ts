import { action, CompletionConfig, type CompletionStatus, map, parallel, UsageError } from 'perdure';
import { describe, expect, test } from 'vitest';
import { inFlow, settle, startFlow, thrownBy, unique } from '../api/with-engine.js';
import { Gates, runBatch } from './batch-runs.js';

const noop = action(unique('noop'), async (value: unknown) => value);

/** One branch a letter, one after the other: S succeeds, F fails. */
async function outcomes(letters: string, completionConfig?: CompletionConfig, maxConcurrency = 1): Promise<[string, string, string]> {
  const result = await inFlow(async () =>
    map(
      letters,
      async (letter) => {
        await noop(letter);
        if (letter === 'F') throw new Error('failed');
      },
      { maxConcurrency, ...(completionConfig === undefined ? {} : { completionConfig }) },
    ),
  );
  return [result.all.map(({ status }) => status.at(0)).join(''), result.completionReason, result.status];
}

describe('thresholds', () => {
  const cases: readonly [string, string, CompletionConfig | undefined, [string, string, string]][] = [
    ['map goes on by default, whatever fails', 'FFF', undefined, ['FFF', 'ALL_COMPLETED', 'FAILED']],
    ['an empty object is the default', 'FS', {}, ['FS', 'ALL_COMPLETED', 'FAILED']],
    [
      'an object of undefined limits is the default',
      'FS',
      { minSuccessful: undefined, toleratedFailureCount: undefined },
      ['FS', 'ALL_COMPLETED', 'FAILED'],
    ],
    [
      'allSuccessful() stops at the first failure',
      'SFS',
      CompletionConfig.allSuccessful(),
      ['SFN', 'FAILURE_TOLERANCE_EXCEEDED', 'FAILED'],
    ],
    [
      'firstSuccessful() stops at the first success',
      'FSS',
      CompletionConfig.firstSuccessful(),
      ['FSN', 'MIN_SUCCESSFUL_REACHED', 'FAILED'],
    ],
    ['firstSuccessful() without a success completes', 'FF', CompletionConfig.firstSuccessful(), ['FF', 'ALL_COMPLETED', 'FAILED']],
    ['allCompleted() goes on', 'FSF', CompletionConfig.allCompleted(), ['FSF', 'ALL_COMPLETED', 'FAILED']],
    [
      'a preset can be extended',
      'SSS',
      { ...CompletionConfig.allSuccessful(), minSuccessful: 2 },
      ['SSN', 'MIN_SUCCESSFUL_REACHED', 'SUCCEEDED'],
    ],
    ['minSuccessful of all is ALL_COMPLETED', 'SS', { minSuccessful: 2 }, ['SS', 'ALL_COMPLETED', 'SUCCEEDED']],
    ['minSuccessful out of reach does not stop', 'FFSS', { minSuccessful: 3 }, ['FFSS', 'ALL_COMPLETED', 'FAILED']],
    ['a tolerance is borne to the full', 'FFSS', { toleratedFailureCount: 2 }, ['FFSS', 'ALL_COMPLETED', 'FAILED']],
    ['one failure above the tolerance stops', 'FFFS', { toleratedFailureCount: 2 }, ['FFFN', 'FAILURE_TOLERANCE_EXCEEDED', 'FAILED']],
    ['a percentage that is met is borne', 'FSSS', { toleratedFailurePercentage: 25 }, ['FSSS', 'ALL_COMPLETED', 'FAILED']],
    ['a percentage is strict', 'FSSSF', { toleratedFailurePercentage: 19.9 }, ['FNNNN', 'FAILURE_TOLERANCE_EXCEEDED', 'FAILED']],
    ['a third is exact in percent', 'FSS', { toleratedFailurePercentage: 100 / 3 }, ['FSS', 'ALL_COMPLETED', 'FAILED']],
    ['percentage 0 bears nothing', 'SF', { toleratedFailurePercentage: 0 }, ['SF', 'FAILURE_TOLERANCE_EXCEEDED', 'FAILED']],
    ['percentage 100 bears all', 'FF', { toleratedFailurePercentage: 100 }, ['FF', 'ALL_COMPLETED', 'FAILED']],
    ['-0 is 0', 'FS', { toleratedFailureCount: -0 }, ['FN', 'FAILURE_TOLERANCE_EXCEEDED', 'FAILED']],
    [
      'a tolerance that is exceeded comes before completion',
      'SF',
      { toleratedFailureCount: 0 },
      ['SF', 'FAILURE_TOLERANCE_EXCEEDED', 'FAILED'],
    ],
    ['completion comes before the minimum', 'FS', { minSuccessful: 1 }, ['FS', 'ALL_COMPLETED', 'FAILED']],
    [
      'either tolerance stops',
      'FFSS',
      { toleratedFailureCount: 3, toleratedFailurePercentage: 25 },
      ['FFNN', 'FAILURE_TOLERANCE_EXCEEDED', 'FAILED'],
    ],
  ];

  test.each(cases)('%s', async (_what, letters, config, expected) => {
    expect(await outcomes(letters, config)).toStrictEqual(expected);
  });

  test('parallel stops at the first failure by default, also with an empty object', async () => {
    const branches = [() => noop(1), () => Promise.reject(new Error('e1')), () => noop(2)];
    for (const options of [{}, { completionConfig: {} }, { completionConfig: { toleratedFailureCount: undefined } }]) {
      const result = await inFlow(async () => parallel(branches, { maxConcurrency: 1, ...options }));
      expect([result.completionReason, result.notStartedCount]).toStrictEqual(['FAILURE_TOLERANCE_EXCEEDED', 1]);
    }
  });

  test('an empty list is complete at once', async () => {
    const results = await inFlow(async () => [await parallel([]), await parallel({}), await map([], noop)]);
    for (const result of results) {
      expect(result).toMatchObject({ all: [], completionReason: 'ALL_COMPLETED', status: 'SUCCEEDED', totalCount: 0 });
    }
  });

  test('a config that is changed after the start changes nothing', async () => {
    const config = { minSuccessful: 2 };
    const result = await inFlow(async () => {
      const future = map.start([1, 2, 3], noop, { maxConcurrency: 1, completionConfig: config });
      config.minSuccessful = 1;
      return future;
    });
    expect(result.successCount).toBe(2);
  });
});

describe('shouldComplete', () => {
  const forms: readonly [string, unknown, string][] = [
    ['true', true, 'CUSTOM_COMPLETION_SUCCEEDED'],
    ["'SUCCEEDED'", 'SUCCEEDED', 'CUSTOM_COMPLETION_SUCCEEDED'],
    ["'FAILED'", 'FAILED', 'CUSTOM_COMPLETION_FAILED'],
    ["'CUSTOM_COMPLETION_SUCCEEDED'", 'CUSTOM_COMPLETION_SUCCEEDED', 'CUSTOM_COMPLETION_SUCCEEDED'],
    ["'CUSTOM_COMPLETION_FAILED'", 'CUSTOM_COMPLETION_FAILED', 'CUSTOM_COMPLETION_FAILED'],
    ['{ complete: true }', { complete: true }, 'CUSTOM_COMPLETION_SUCCEEDED'],
    ["{ complete: true, outcome: 'SUCCEEDED' }", { complete: true, outcome: 'SUCCEEDED' }, 'CUSTOM_COMPLETION_SUCCEEDED'],
    ["{ complete: true, outcome: 'FAILED' }", { complete: true, outcome: 'FAILED' }, 'CUSTOM_COMPLETION_FAILED'],
    ['false', false, 'ALL_COMPLETED'],
    ['undefined', undefined, 'ALL_COMPLETED'],
    ['{ complete: false }', { complete: false }, 'ALL_COMPLETED'],
    ["{ complete: false, outcome: 'FAILED' }", { complete: false, outcome: 'FAILED' }, 'ALL_COMPLETED'],
  ];

  test.each(forms)('that returns %s', async (_form, decision, reason) => {
    const [statuses, completionReason] = await outcomes('SS', { shouldComplete: () => decision as never });
    expect([statuses, completionReason]).toStrictEqual([reason === 'ALL_COMPLETED' ? 'SS' : 'SN', reason]);
  });

  const wrongForms: readonly [string, unknown][] = [
    ['a promise', Promise.resolve(true)],
    ['null', null],
    ['a number', 1],
    ['another text', 'DONE'],
    ['an empty object', {}],
    ['an object with another outcome', { complete: true, outcome: 'MAYBE' }],
    ['an object whose complete is a text', { complete: 'yes' }],
  ];

  test.each(wrongForms)('that returns %s fails the batch', async (_form, decision) => {
    const error = await thrownBy(() => outcomes('SS', { shouldComplete: () => decision as never }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining('shouldComplete()') });
  });

  test('is asked before ALL_COMPLETED, also at the last completion', async () => {
    const last = ({ successCount, totalCount }: CompletionStatus): boolean => successCount === totalCount;
    expect((await outcomes('SS', { shouldComplete: last }))[1]).toBe('CUSTOM_COMPLETION_SUCCEEDED');
  });

  test('the outcome FAILED is the reason: the status goes by the items', async () => {
    expect(await outcomes('SS', { shouldComplete: () => 'FAILED' })).toStrictEqual(['SN', 'CUSTOM_COMPLETION_FAILED', 'SUCCEEDED']);
  });

  test('is not asked about an empty list', async () => {
    const asked: CompletionStatus[] = [];
    const shouldComplete = (status: CompletionStatus): boolean => asked.push(status) > 0;
    expect(await outcomes('', { shouldComplete })).toStrictEqual(['', 'ALL_COMPLETED', 'SUCCEEDED']);
    expect(asked).toStrictEqual([]);
  });

  test('is given the counts under both names, and the items, once for each completion in their order', async () => {
    const gates = new Gates();
    const seen: unknown[] = [];
    const { future } = await startFlow(async () =>
      parallel(
        [
          { name: 'first', run: () => gates.pass('a') },
          { name: 'second', run: () => gates.pass('b') },
          { name: 'third', run: () => gates.pass('c') },
        ],
        {
          maxConcurrency: 2,
          completionConfig: {
            shouldComplete: ({ succeeded, failed, total, successCount, failureCount, totalCount, items }) => {
              seen.push([succeeded, failed, total, successCount, failureCount, totalCount, items.map((item) => ({ ...item }))]);
              return undefined;
            },
          },
        },
      ),
    );
    await gates.begun('b');
    gates.fail('b', new Error('eb'));
    await gates.begun('c');
    gates.open('c');
    await settle();
    gates.open('a');
    await future[0];
    const items = (...statuses: string[]): unknown[] =>
      statuses.map((status, index) => ({ index, name: ['first', 'second', 'third'][index], status }));
    expect(seen).toStrictEqual([
      [0, 1, 3, 0, 1, 3, items('STARTED', 'FAILED', 'NOT_STARTED')],
      [1, 1, 3, 1, 1, 3, items('STARTED', 'FAILED', 'SUCCEEDED')],
      [2, 1, 3, 2, 1, 3, items('SUCCEEDED', 'FAILED', 'SUCCEEDED')],
    ]);
  });

  test('what it throws fails the batch, and the branches are cancelled', async () => {
    const gates = new Gates();
    const { error, journal, lines } = await runBatch(async () =>
      parallel([() => noop(1), () => gates.pass('never')], {
        completionConfig: {
          shouldComplete: () => {
            throw new RangeError('no idea');
          },
        },
      }),
    );
    expect(error).toBeInstanceOf(RangeError);
    expect(error?.message).toBe('no idea');
    expect(await gates.aborted('never')).toMatchObject({ name: 'CancelledError' });
    expect([journal.get('0')?.status, journal.get('0.0')?.status, journal.has('0.1')]).toStrictEqual(['FAILED', 'SUCCEEDED', false]);
    expect(lines.filter(({ level }) => level !== 'debug')).toStrictEqual([]);
  });

  test('cannot start operations', async () => {
    const codes: (string | undefined)[] = [];
    const result = await inFlow(async () =>
      map([1], noop, {
        completionConfig: {
          shouldComplete: () => {
            try {
              noop.start(2);
            } catch (error) {
              codes.push((error as { code?: string }).code);
            }
            return false;
          },
        },
      }),
    );
    expect(codes).toStrictEqual(['ACTION_OUTSIDE_FLOW']);
    expect(result.successCount).toBe(1);
  });
});
