import { action, CompletionConfig, event, flow, map, memoryStore, now, parallel, type Serdes, sleep } from 'perdure';
import { describe, expect, test } from 'vitest';
import { type ExploreOptions, type ExploreReport, explore, type TestEngine, type TestEngineOptions } from '../../src/testing.js';
import { thrownBy, unique } from '../api/with-engine.js';
import { aFlow } from './with-test-engine.js';

const a = action(unique('a'), async () => 'a');
const b = action(unique('b'), async () => 'b');
const c = action(unique('c'), async () => 'c');
const child = flow(unique('child'), async () => {
  await a();
  return 'k';
});

/** A flow that starts all at once, and returns their results in the order in which they came. */
function inOrder(...starts: (() => Promise<string>)[]): () => Promise<string> {
  return aFlow(async () => {
    let order = '';
    await Promise.all(
      starts.map(async (start) => {
        const what = await start();
        order += what;
      }),
    );
    return order;
  });
}

function sleeper(ms: number, what: string): () => Promise<string> {
  return async () => {
    await sleep(ms);
    return what;
  };
}

/** The result of each run, in the order of the runs. */
async function results<R>(
  body: () => Promise<R>,
  options: Omit<ExploreOptions<R>, 'invariant'>,
): Promise<{ readonly seen: R[]; readonly report: ExploreReport }> {
  const seen: R[] = [];
  const report = await explore(body, [], { ...options, invariant: ({ result }) => void seen.push(result) });
  return { seen, report };
}

const abc = inOrder(a, b, c);

/** What is said of the order in which it failed. */
function orderIn({ message }: Error): string {
  return /the shortest order found that fails: (.*)$/.exec(message)?.[1] as string;
}

describe('the orders', () => {
  test('are the same for the same seed, and others for another', async () => {
    const [first, again, other] = [
      await results(abc, { seed: 7, runs: 30 }),
      await results(abc, { seed: 7, runs: 30 }),
      await results(abc, { seed: 8, runs: 30 }),
    ];
    expect(again).toStrictEqual(first);
    expect(other.seen).not.toStrictEqual(first.seen);
  });

  test('begin with that in which everything comes to its end as it is ready', async () => {
    for (const seed of [1, 2, 3, 4, 5]) expect((await results(abc, { seed, runs: 1 })).seen).toStrictEqual(['abc']);
  });

  test('of fewer runs are the first of those of more', async () => {
    const { seen } = await results(abc, { seed: 7, runs: 12 });
    expect((await results(abc, { seed: 7, runs: 5 })).seen).toStrictEqual(seen.slice(0, 5));
  });

  test('of three actions all turn up', async () => {
    const { seen, report } = await results(abc, { seed: 3, runs: 200 });
    expect([...new Set(seen)].sort()).toStrictEqual(['abc', 'acb', 'bac', 'bca', 'cab', 'cba']);
    expect(report).toStrictEqual({ seed: 3, runs: 200, orders: 6 });
  });

  test('of four things that end in one step each are all of them', async () => {
    const { seen, report } = await results(inOrder(a, b, c, sleeper(1_000, 't')), { seed: 3, runs: 400 });
    expect(new Set(seen).size).toBe(24);
    expect(report.orders).toBe(24);
  });

  test('put actions, child runs and timers before and after each other', async () => {
    const { seen } = await results(inOrder(b, child, sleeper(1_000, 't')), { seed: 3, runs: 200 });
    expect([...new Set(seen)].sort()).toStrictEqual(['bkt', 'btk', 'kbt', 'ktb', 'tbk', 'tkb']);
  });

  test('put child runs that are mocked before and after everything else', async () => {
    const setup: ExploreOptions<string>['setup'] = (engine) => void engine.mock(child, 'm');
    const { seen } = await results(inOrder(b, child, sleeper(1_000, 't')), { seed: 3, runs: 200, setup });
    expect([...new Set(seen)].sort()).toStrictEqual(['bmt', 'btm', 'mbt', 'mtb', 'tbm', 'tmb']);
  });

  test('let timers come in due order among themselves', async () => {
    const { seen } = await results(inOrder(sleeper(2_000, '2'), a, sleeper(1_000, '1'), sleeper(3_000, '3')), { seed: 3, runs: 200 });
    expect([...new Set(seen)].sort()).toStrictEqual(['123a', '12a3', '1a23', 'a123']);
  });

  test('let a mocked action take its latency at least', async () => {
    const setup: ExploreOptions<string>['setup'] = (engine) => {
      engine.mock(a, 'a', { latency: 1_000 });
      engine.mock(b, 'b', { latency: 3_000 });
    };
    const { seen } = await results(inOrder(a, b, sleeper(2_000, 't')), { seed: 3, runs: 200, setup });
    expect([...new Set(seen)].sort()).toStrictEqual(['atb', 'tab', 'tba']);
  });

  test('are one where nothing is concurrent', async () => {
    const oneByOne = aFlow(async () => [await a(), await b(), await child()].join(''));
    expect((await results(oneByOne, { seed: 3, runs: 5 })).report).toStrictEqual({ seed: 3, runs: 5, orders: 1 });
  });

  test('start with the same time and draw the same values in each run', async () => {
    const { seen } = await results(
      aFlow(async () => now()),
      { runs: 3, engine: { startTime: 5 } },
    );
    expect(seen).toStrictEqual([5, 5, 5]);
  });

  test('are 100 of a seed that is drawn when nothing else is said', async () => {
    const any = { invariant: () => true };
    const [first, second] = [await explore(abc, [], any), await explore(abc, [], any)];
    expect(first).toMatchObject({ runs: 100, orders: 6 });
    expect(second.seed).not.toBe(first.seed);
    const { seen, report } = await results(abc, { seed: first.seed, runs: 100 });
    expect(report).toStrictEqual(first);
    expect(seen).toHaveLength(100);
  });
});

describe('an invariant', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['returns false', () => false, /^the invariant does not hold for\nflow "flow-\d+" \(explored\) SUCCEEDED\n/],
    ['resolves to false', async () => false, /^the invariant does not hold for\n/],
    [
      'throws',
      () => {
        throw new RangeError('too much');
      },
      /^too much\n/,
    ],
    [
      'rejects',
      async () => {
        throw new RangeError('too much');
      },
      /^too much\n/,
    ],
    [
      'throws no error',
      () => {
        throw 'a text';
      },
      /^a text\n/,
    ],
  ])('that %s fails with the seed and the order', async (_what, breaks, message) => {
    const options: ExploreOptions<string> = { seed: 11, invariant: ({ result }) => (result[0] === 'c' ? breaks() : undefined) };
    const error = await thrownBy(() => explore(abc, [], options));
    expect(error).toMatchObject({
      name: 'AssertionError',
      code: 'ERR_ASSERTION',
      operator: 'explore',
      message: expect.stringMatching(message),
    });
    expect(error.message).toMatch(/\n {2}seed 11, run \d+ of 100\n/);
    expect(orderIn(error)).toBe(`action "${c.name}" (2 of explored), then everything as soon as it was ready`);
    expect((await thrownBy(() => explore(abc, [], options))).message).toBe(error.message);
  });

  test('tells what it expected, and what it threw', async () => {
    const thrown = Object.assign(new Error('not so'), { expected: 1, actual: 2 });
    const error = await thrownBy(() => explore(abc, [], { invariant: () => Promise.reject(thrown) }));
    expect(error).toMatchObject({ expected: 1, actual: 2 });
    expect(error.cause).toBe(thrown);
  });

  test('fails again with the seed that is told when it was drawn', async () => {
    const invariant: ExploreOptions<string>['invariant'] = ({ result }) => result !== 'cba';
    const error = await thrownBy(() => explore(abc, [], { invariant, runs: 500 }));
    const seed = Number(/seed (\d+), run/.exec(error.message)?.[1]);
    expect((await thrownBy(() => explore(abc, [], { invariant, runs: 500, seed }))).message).toBe(error.message);
  });

  test.each([undefined, true, 0, null, ''])('that returns %j holds', async (value) => {
    expect((await explore(abc, [], { runs: 2, invariant: () => value })).runs).toBe(2);
  });

  test('sees runs that fail, and they pass without one', async () => {
    const failing = aFlow(async () => {
      await a();
      throw new RangeError('no');
    });
    expect((await explore(failing, [], { runs: 2 })).runs).toBe(2);
    const error = await thrownBy(() => explore(failing, [], { invariant: ({ status }) => status === 'SUCCEEDED' }));
    expect(error.message).toMatch(/^the invariant does not hold for\nflow "flow-\d+" \(explored\) FAILED\n/);
  });
});

describe('the shortest order', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('has nothing superfluous (seed %i)', async (seed) => {
    const many = inOrder(b, a, child, sleeper(1_000, 't'), c, sleeper(2_000, 'T'));
    const error = await thrownBy(() =>
      explore(many, [], { seed, runs: 300, invariant: ({ result }) => result.indexOf('c') > result.indexOf('a') }),
    );
    expect(orderIn(error)).toBe(`action "${c.name}" (4 of explored), then everything as soon as it was ready`);
  });

  test('has all that is needed', async () => {
    const error = await thrownBy(() => explore(inOrder(a, b, c), [], { seed: 5, runs: 300, invariant: ({ result }) => result !== 'cba' }));
    expect(orderIn(error)).toBe(
      `action "${c.name}" (2 of explored), action "${b.name}" (1 of explored), then everything as soon as it was ready`,
    );
  });

  test('names the time that went on while something else was ready', async () => {
    const error = await thrownBy(() =>
      explore(inOrder(a, sleeper(1_000, 't')), [], { seed: 5, runs: 300, invariant: ({ result }) => result !== 'ta' }),
    );
    expect(orderIn(error)).toBe('the next timer, then everything as soon as it was ready');
  });

  test('names operations of child runs', async () => {
    const two = aFlow(async () => Promise.race([child(), b()]));
    const error = await thrownBy(() =>
      explore(two, [], { seed: 5, runs: 300, engine: { leaks: 'ignore' }, invariant: ({ result }) => result !== 'k' }),
    );
    expect(orderIn(error)).toMatch(
      new RegExp(`^(action "${a.name}" \\(0 of explored//\\d+\\), )flow "${child.name}" \\(0 of explored\\), then everything`),
    );
  });

  test('is none where every order fails', async () => {
    const error = await thrownBy(() => explore(abc, [], { seed: 5, invariant: () => false }));
    expect(error.message).toMatch(/\n {2}seed 5, run 1 of 100\n/);
    expect(orderIn(error)).toBe('everything as soon as it was ready');
  });
});

describe('fails for a flow', () => {
  const FROZEN: TestEngineOptions = { leaks: 'ignore', patience: 1 };

  test('that waits for nothing that could come', async () => {
    const stuck = aFlow(async () => {
      await a();
      await new Promise(() => {});
    });
    const error = await thrownBy(() => explore(stuck, [], { engine: FROZEN, seed: 5 }));
    expect(error.message).toMatch(
      /^run explored waits, and nothing is pending that could wake it \(last operation: action "a-\d+" \(0\)\)/,
    );
    expect(orderIn(error)).toBe('everything as soon as it was ready');
  });

  test('that does so in one order only', async () => {
    const stuck = aFlow(async () => {
      if ((await Promise.race([a(), b()])) === 'b') await new Promise(() => {});
    });
    const error = await thrownBy(() => explore(stuck, [], { engine: FROZEN, seed: 5 }));
    expect(error.message).toMatch(/^run explored waits/);
    expect(orderIn(error)).toBe(`action "${b.name}" (1 of explored), then everything as soon as it was ready`);
  });

  test('that counts outside of itself', async () => {
    let count = 0;
    const counting = aFlow(async () => {
      count += 1;
      return count;
    });
    const error = await thrownBy(() => explore(counting, [], { seed: 5 }));
    expect(error.message).toMatch(
      /^the replay of run explored came to another end\n {2}expected: SUCCEEDED: 1\n {2}actual: {3}SUCCEEDED: 2\n {2}seed 5, run 1 of 100\n/,
    );
    expect(error).toMatchObject({ expected: 'SUCCEEDED: 1', actual: 'SUCCEEDED: 2' });
  });

  test('that draws with Math.random()', async () => {
    const drawing = aFlow(async () => Math.random());
    expect((await thrownBy(() => explore(drawing, [], { runs: 1 }))).message).toMatch(/^the replay of run explored came to another end/);
  });

  test('that passes what it drew on', async () => {
    const take = action(unique('take'), async (value: number) => value);
    const drawing = aFlow(async () => take(Math.random()));
    const error = await thrownBy(() => explore(drawing, [], { runs: 1 }));
    expect(error.message).toMatch(
      /^Flow "flow-\d+" version 1, run explored, asked for the same operation with another input than its journal has recorded as operation 0/,
    );
    expect(error.message).toMatch(new RegExp(`expected: action "${take.name}"`));
  });

  test('whose child run cannot be replayed', async () => {
    let count = 0;
    const counting = flow(unique('counting'), async () => {
      count += 1;
      return count;
    });
    const error = await thrownBy(() =>
      explore(
        aFlow(async () => counting()),
        [],
        { runs: 1 },
      ),
    );
    expect(error.message).toMatch(/^the replay of run explored\/\/0 came to another end/);
  });
});

describe('batches', () => {
  test('are explored with their losers', async () => {
    const statuses = new Set<string>();
    const race = aFlow(async () => {
      const { all } = await map([1, 2, 3, 4], async () => [await a(), await b()], {
        maxConcurrency: 2,
        completionConfig: CompletionConfig.firstSuccessful(),
      });
      return all.map(({ status }) => status);
    });
    await explore(race, [], {
      seed: 3,
      runs: 100,
      invariant: ({ result, status }) => {
        statuses.add(result.join());
        return status === 'SUCCEEDED' && result.filter((each) => each === 'SUCCEEDED').length === 1;
      },
    });
    expect(statuses.size).toBe(2);
  });

  test('keep their concurrency in every order', async () => {
    const work = action(unique('work'), async (item: number) => item);
    const each = aFlow(async () => (await map([1, 2, 3, 4, 5], work, { maxConcurrency: 2 })).getResults());
    const engines: Parameters<NonNullable<ExploreOptions<number[]>['setup']>>[0][] = [];
    const { orders } = await explore(each, [], {
      seed: 3,
      runs: 50,
      setup: (engine) => void engines.push(engine),
      invariant: ({ result }) => {
        const engine = engines.at(-1);
        engine?.assertMaxInFlight(work, 2);
        return engine?.calls(work).length === 5 && result.join() === '1,2,3,4,5';
      },
    });
    expect(orders).toBeGreaterThan(5);
    expect(engines).toHaveLength(50);
  });

  test('of branches are explored', async () => {
    const winners = new Set<number>();
    const race = aFlow(async () => {
      const done = await parallel([() => a(), () => b(), sleeper(1_000, 't')], { completionConfig: CompletionConfig.firstSuccessful() });
      return done.all.findIndex(({ status }) => status === 'SUCCEEDED');
    });
    await explore(race, [], { seed: 3, runs: 60, invariant: ({ result }) => void winners.add(result) });
    expect([...winners].sort()).toStrictEqual([0, 1, 2]);
  });
});

test('what options inherit counts, for the engine as well', async () => {
  const times = new Set<number>();
  const options = Object.create({
    seed: 7,
    runs: 3,
    engine: Object.create({ startTime: 5 }) as object,
    setup: (engine: TestEngine) => times.add(engine.now()),
    invariant: () => true,
  }) as object;
  expect(await explore(abc, [], options)).toMatchObject({ seed: 7, runs: 3 });
  expect([...times]).toEqual([5]);
});

describe('without an invariant', () => {
  test('fails when the value that the flow comes to depends on the order', async () => {
    const error = await thrownBy(() => explore(abc, [], { seed: 7 }));
    expect(error).toMatchObject({
      name: 'AssertionError',
      operator: 'explore',
      expected: 'SUCCEEDED: "abc"',
      actual: expect.stringMatching(/^SUCCEEDED: "[abc]{3}"$/),
    });
    expect(error.message).toContain('the end of the flow depends on the order');
    expect(error.message).toContain('seed 7, run ');
    expect(orderIn(error)).toMatch(/^action "[abc]-\d+" \([12] of explored\), then everything/);
  });

  test('fails when it depends on the order whether the flow fails, and how', async () => {
    const failing = aFlow(async () => {
      const first = await Promise.race([a.start(), b.start()]);
      await sleep(1);
      if (first === 'b') throw new RangeError('b was first');
      return 1;
    });
    const error = await thrownBy(() => explore(failing, [], { seed: 7, engine: { leaks: 'ignore' } }));
    expect(error).toMatchObject({ expected: 'SUCCEEDED: 1', actual: 'FAILED: RangeError: b was first' });
  });

  test('fails when a time-out decides', async () => {
    const waiting = aFlow(async () =>
      event<string>('m', { timeout: 10 })
        .result()
        .catch(() => 'too late'),
    );
    const racing = aFlow(async () => {
      const got = waiting();
      await a();
      return got;
    });
    const deciding = aFlow(async () => {
      const future = a.start();
      return future.result({ timeout: 10 }).catch(() => 'too late');
    });
    await explore(racing, [], { seed: 7, runs: 20 });
    const error = await thrownBy(() => explore(deciding, [], { seed: 7, engine: { leaks: 'ignore' } }));
    expect(error).toMatchObject({ expected: 'SUCCEEDED: "a"', actual: 'SUCCEEDED: "too late"' });
  });

  test('passes when each order comes to the same value, whatever the order of its keys and its text', async () => {
    let salt = 0;
    const serdes: Serdes = {
      serialize: (value) => {
        salt += 1;
        return `${salt}:${JSON.stringify(value)}`;
      },
      deserialize: (text) => JSON.parse(text.slice(text.indexOf(':') + 1)),
    };
    const collecting = flow(
      unique('collecting'),
      async () => {
        const found: Record<string, string> = {};
        const note = async (one: typeof a): Promise<void> => {
          found[await one()] = 'found';
        };
        await Promise.all([a, b, c].map(note));
        return found;
      },
      { serdes },
    );
    expect((await explore(collecting, [], { seed: 7 })).orders).toBe(6);
  });

  test('passes when each order fails in the same way', async () => {
    const failing = aFlow(async () => {
      await Promise.all([a(), b()]);
      throw new RangeError('always');
    });
    expect((await explore(failing, [], { seed: 7, runs: 10 })).orders).toBe(2);
  });
});

describe('refuses', () => {
  test.each<[string, unknown]>([
    ['a seed that is no number', { seed: 'x' }],
    ['a seed that is not finite', { seed: Number.NaN }],
    ['no runs', { runs: 0 }],
    ['half a run', { runs: 1.5 }],
    ['an invariant that is no function', { invariant: true }],
    ['a setup that is no function', { setup: {} }],
    ['an engine that is no object', { engine: 5 }],
    ['options of the engine that there are not', { engine: { what: 1 } }],
    ['a store of the engine', { engine: { store: memoryStore() } }],
    ['time that does not move by itself', { engine: { autoAdvance: false } }],
    ['options that there are not', { orders: 5 }],
    ['options that are no object', 5],
    ['options that are null', null],
  ])('%s', async (_what, options) => {
    await expect(explore(abc, [], options as never)).rejects.toMatchObject({ name: 'UsageError', code: 'INVALID_OPTION' });
  });

  test.each<[string, unknown]>([
    ['an action', a],
    ['a plain function', async () => 1],
    ['nothing', undefined],
  ])('%s', async (_what, target) => {
    await expect(explore(target as never, [])).rejects.toMatchObject({ name: 'UsageError', code: 'NOT_STARTABLE' });
  });

  test.each([[undefined], [5], ['x'], [{}]])('arguments that are no array: %j', async (args) => {
    const error = await thrownBy(() => explore(abc, args as never));
    expect(error).toMatchObject({ name: 'UsageError', code: 'INVALID_ARGUMENT' });
    expect(error.message).toBe('explore(flow, args): args is the array of arguments');
  });
});

test('what the setup throws is thrown as it is', async () => {
  const thrown = new RangeError('no');
  const setup = (): never => {
    throw thrown;
  };
  await expect(explore(abc, [], { setup })).rejects.toBe(thrown);
});
