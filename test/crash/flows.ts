import {
  action,
  actionContext,
  asCompleted,
  type BatchResult,
  CompletionConfig,
  type DurableFuture,
  type Engine,
  FIRST_COMPLETED,
  type Flow,
  flow,
  flowContext,
  map,
  now,
  parallel,
  random,
  shield,
  sleep,
  uuid,
  wait,
} from 'perdure';
import { observed, witness } from './observer.js';

/** Representative flows: what they see is told to the observer, what they return says which way they went. */

function begun(): void {
  const { runId, operationId } = actionContext();
  observed().actionBegan(runId, operationId);
}

/** Answers after so many macrotasks. */
const work = action('work', async (name: string, macrotasks?: number) => {
  begun();
  for (let left = macrotasks ?? 0; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
  return `${name}!`;
});

const fail = action('fail', async (name: string, macrotasks?: number) => {
  begun();
  for (let left = macrotasks ?? 0; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
  throw new RangeError(`${name} failed`);
});

/** Comes to its end only when it is told to stop. */
const hang = action('hang', async () => {
  begun();
  const { signal } = actionContext();
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
});

/** The engine that `cancelRun` asks. */
let cancelling: Engine | undefined;

export function cancelThrough(engine: Engine): void {
  cancelling = engine;
}

const cancelRun = action('cancelRun', async (reason: string) => {
  begun();
  await cancelling?.cancel(actionContext().runId, reason);
});

const sequence = flow('sequence', async () => {
  const saw = witness();
  const seen: string[] = [];
  for (const name of ['a', 'b', 'c']) {
    seen.push(await work(name));
    saw(`${name} ${now()} ${random()} ${uuid()}`);
  }
  return seen;
});

const fanOut = flow('fan-out', async () => {
  const saw = witness();
  const futures = ['a', 'b', 'c', 'd'].map((name, index) => work.start(name, (7 * index) % 4));
  for (const future of futures) future.then((value) => saw(`got ${value}`));
  const all = await Promise.all(futures);
  saw(`all ${now()}`);
  const settled = await Promise.allSettled([work.start('e', 2), fail.start('f', 1), work.start('g')]);
  return [...all, ...settled.map(({ status }) => status)];
});

const firstCompleted = flow('first-completed', async () => {
  const saw = witness();
  const futures = ['a', 'b', 'c'].map((name, index) => work.with({ name }).start(name, 3 - index));
  const { done, notDone } = await wait(futures, FIRST_COMPLETED);
  const [winner] = done as Set<DurableFuture<string>>;
  saw(`won ${winner?.name}`);
  for (const future of notDone) saw(`lost ${future.name} ${future.cancel()} ${future.status}`);
  const prize = await work(`prize for ${winner?.name}`, 1);
  saw(prize);
  return { winner: winner?.name, prize };
});

const promiseRace = flow('promise-race', async () => {
  const saw = witness();
  const futures = ['a', 'b', 'c'].map((name, index) => work.start(name, (2 * index + 1) % 3));
  const winner = await Promise.race(futures);
  saw(`won ${winner}`);
  const any = await Promise.any([fail.start('d'), work.start('e', 2), futures[2] as DurableFuture<string>]);
  saw(`any ${any}`);
  const rest = await Promise.allSettled(futures);
  return { winner, any, rest: rest.map(({ status }) => status) };
});

const grandchild = flow('grandchild', async (name: string) => {
  const saw = witness();
  const value = await work(name, 1);
  saw(value);
  return value;
});

const child: Flow<[string], string> = flow('child', async (name: string) => {
  const saw = witness();
  const one = grandchild.start(`${name}1`);
  const two = work.start(`${name}2`, 2);
  const values = [await one, await two];
  saw(values.join());
  if (name === 'bad') throw new TypeError(`child ${name}`);
  return values.join();
});

const nested = flow('nested', async () => {
  const saw = witness();
  const { runId: id } = flowContext();
  const left = child.start('left');
  const right = child.with({ id: `${id}-right` }).start('right');
  const bad = child.start('bad');
  const { done } = await wait([left, right], FIRST_COMPLETED);
  saw(`first ${[...done].map((future) => future.id)}`);
  saw(`error ${(await bad.exception())?.name}`);
  return [await left, await right];
});

const timers = flow('timers', async () => {
  const saw = witness();
  await sleep(1);
  saw(`slept ${now()}`);
  const hung = hang.start();
  const { done, notDone } = await wait([hung], { timeout: 2 });
  saw(`waited ${done.size} ${notDone.size}`);
  const late = await hung.result({ timeout: 1 }).catch((error: Error) => error.name);
  saw(`late ${late}`);
  hung.cancel();
  const order: string[] = [];
  for await (const future of asCompleted([sleep.start(3), work.start('a', 1), sleep.start(1), work.start('b')])) {
    saw(`completed ${future.kind} ${future.id}`);
    order.push(future.kind);
  }
  return { late, order: order.length };
});

const closures = flow('closures', async () => {
  const saw = witness();
  const order: string[] = [];
  const branch = async (name: string, hops: readonly number[]): Promise<string> => {
    for (const [index, macrotasks] of hops.entries()) {
      await work(`${name}${index}`, macrotasks);
      saw(`${name}${index}`);
      order.push(name);
    }
    return name;
  };
  const branches = [branch('a', [2, 0, 1]), branch('b', [1, 1]), branch('c', [0, 3])];
  const first = await Promise.race(branches);
  saw(`first ${first}`);
  await Promise.all(branches);
  return { first, order: order.length, last: await work(order.join('')) };
});

const slow = flow('slow', async () => {
  const saw = witness();
  try {
    await hang();
    return 'never';
  } finally {
    saw('slow stops');
    await shield(async () => saw(await work('cleaned', 1)));
  }
});

const cancelLoser = flow('cancel-loser', async () => {
  const saw = witness();
  const futures = [slow.start(), grandchild.start('fast')];
  const { done, notDone } = await wait(futures, FIRST_COMPLETED);
  saw(`won ${[...done].map(({ name }) => name)}`);
  for (const future of notDone) future.cancel('too late');
  for (const future of notDone) saw(`lost ${(await future.exception())?.message}`);
  const abandoned = slow.start();
  await work('after', 1);
  return abandoned.cancel() && 'done';
});

const failures = flow('failures', async () => {
  const saw = witness();
  const seen: string[] = [];
  try {
    await fail('a', 1);
  } catch (error) {
    seen.push((error as Error).name);
  }
  const error = await child.start('bad').exception();
  seen.push(`${error?.name} ${error?.message}`);
  saw(seen.join());
  try {
    await Promise.all([fail('b', 2), work('c'), child('bad')]);
  } catch (first) {
    saw(`caught ${(first as Error).message}`);
  } finally {
    seen.push(await work('finally'));
  }
  throw new EvalError(seen.join());
});

const cancelled = flow('cancelled', async () => {
  const saw = witness();
  const loop = (async () => {
    for (let round = 0; ; round += 1) saw(await work(`round ${round}`, 2));
  })();
  const down = slow.start();
  try {
    await Promise.all([loop, down, cancelRun('enough')]);
  } catch (error) {
    saw(`interrupted: ${(error as Error).name}`);
    saw(await shield(async () => (await work('cleaning', 1)) + (await grandchild('shielded'))));
    saw(await work('refused').catch((refused: Error) => refused.name));
    throw error;
  }
});

const detaching = flow('detaching', async () => {
  const saw = witness();
  work.start('detached', 6).detach();
  child.start('free').detach();
  const value = await work('attached');
  saw(value);
  return value;
});

/** Whatever of a batch there is to know, in one line. */
function toldOf(result: BatchResult<unknown>): string {
  const items = result.all.map((item) => {
    if (item.status === 'SUCCEEDED') return JSON.stringify(item.result);
    return item.status === 'FAILED' ? `${item.error.name} ${item.error.message}` : item.status;
  });
  return `${result.completionReason}: ${items.join(' | ')}`;
}

const mixedBranches = flow('mixed-branches', async () => {
  const saw = witness();
  const before = work.start('before', 1);
  const result = await parallel({
    action: async () => {
      const value = await work('action', 2);
      saw(value);
      return value;
    },
    child: () => child('child'),
    timer: async () => {
      await sleep(1);
      saw(`slept ${now()} ${random()} ${uuid()}`);
      return work('slept');
    },
    nested: async () => {
      const inner = await parallel([
        () => work('inner', 1),
        async () => {
          const doubled = await map([1, 2, 3], async (number) => (saw(`item ${number}`), (await work(`item ${number}`, 3 - number)).length));
          saw(`inmost ${toldOf(doubled)}`);
          return doubled.getResults();
        },
      ]);
      saw(`inner ${toldOf(inner)}`);
      return inner.getResults();
    },
  });
  saw(`${toldOf(result)} ${now()} ${random()}`);
  return [await before, result.getResults()];
});

const twoAtOnce = flow('two-at-once', async () => {
  const saw = witness();
  const result = await map(
    ['a', 'b', 'c', 'd', 'e'],
    async (name, index, items) => {
      saw(`begins ${name} of ${items.length}`);
      await work(`${name}0`, index % 3);
      saw(`${name}0`);
      if (name === 'c') await fail(name);
      const values = await Promise.all([work.start(`${name}1`, 1), work.start(`${name}2`)]);
      saw(values.join());
      return name;
    },
    { maxConcurrency: 2 },
  );
  saw(toldOf(result));
  return [await work('after'), toldOf(result)];
});

const failFast = flow('fail-fast', async () => {
  const saw = witness();
  const result = await parallel(
    [
      () => work('early'),
      async () => {
        saw('bad begins');
        await work('bad', 1);
        return fail('bad', 2);
      },
      async () => {
        try {
          saw('loser begins');
          await hang();
        } finally {
          saw('loser stops');
          saw(await shield(async () => (await work('cleaning', 2)) + (await grandchild('cleaned'))));
          saw(await work('refused').catch((error: Error) => error.name));
        }
      },
      async () => {
        const hung = slow.start();
        saw(`hung ${(await hung.exception())?.name}`);
      },
      () => work('late'),
    ],
    { maxConcurrency: 4 },
  );
  saw(toldOf(result));
  return [await work('after', 1), result.completionReason, result.getErrors().map(({ message }) => message), result.all[2]?.status];
});

const firstSuccessful = flow('first-successful', async () => {
  const saw = witness();
  const branch = (name: string, macrotasks: number) => async () => {
    await work(name, macrotasks);
    saw(`${name} goes on`);
    work.start(`detached ${name}`, 3).detach();
    return work(`${name}${name}`, macrotasks);
  };
  const result = await parallel([() => fail('x'), branch('a', 2), branch('b', 1), branch('c', 2)], {
    completionConfig: CompletionConfig.firstSuccessful(),
  });
  saw(toldOf(result));
  return [result.completionReason, result.successCount, await work(`prize for ${result.getResults().join()}`)];
});

const leftBranches = flow('left-branches', async () => {
  const saw = witness();
  const result = await map(
    [1, 4, 2, 3],
    async (macrotasks) => {
      for (const round of ['one', 'two', 'three']) saw(await work(round, macrotasks));
      return macrotasks;
    },
    { unfinished: 'leave', maxConcurrency: 3, completionConfig: { minSuccessful: 1 } },
  );
  saw(toldOf(result));
  const outer = await parallel([
    async () => {
      const inner = await parallel([() => work('quick'), () => sleep('1h'), async () => saw(await work('left', 2))], {
        unfinished: 'leave',
        completionConfig: { minSuccessful: 1 },
      });
      saw(toldOf(inner));
      return work('branch goes on', 1);
    },
  ]);
  saw(toldOf(outer));
  return [result.completionReason, result.successCount, await work('after', 4)];
});

const batchRace = flow('batch-race', async () => {
  const saw = witness();
  const batches = [1, 2].map((rounds) =>
    map.start(
      ['a', 'b'],
      async (name) => {
        try {
          for (let round = 0; round < rounds; round += 1) saw(await work(`${name}${round}`, 1));
          return name;
        } finally {
          saw(`${name} of ${rounds} stops`);
        }
      },
      { name: `rounds ${rounds}` },
    ),
  );
  const hung = parallel.start([() => hang(), () => sleep('1h')]);
  const { done, notDone } = await wait([...batches, hung], FIRST_COMPLETED);
  saw(`won ${[...done].map(({ name }) => name)}`);
  for (const future of notDone) saw(`lost ${future.name} ${future.cancel('too late')} ${future.status}`);
  saw(`${(await hung.exception())?.message}`);
  return work('after', 2);
});

const cancelledBranches = flow('cancelled-branches', async () => {
  const saw = witness();
  const detached = map.start([1, 2], async (item) => saw(await work(`detached ${item}`, 2 * item)));
  detached.detach();
  const stops = async (name: string, waits: () => Promise<unknown>): Promise<void> => {
    try {
      await waits();
    } catch (error) {
      saw(`${name} stops: ${(error as Error).name}`);
      saw(await shield(() => work(`cleaning ${name}`, 1)));
      throw error;
    }
  };
  try {
    await parallel([
      () => stops('hanging', () => hang()),
      () => stops('nested', () => map(['x', 'y'], (name) => stops(name, () => sleep('1h')))),
      () => stops('child', () => slow()),
      async () => {
        for (let round = 0; ; round += 1) saw(await work(`round ${round}`, 2));
      },
      () => cancelRun('enough'),
    ]);
  } finally {
    const refused = parallel.start([() => saw('never')]);
    saw(`refused ${refused.status}`);
    saw(await shield(async () => toldOf(await parallel([() => work('last', 1), () => grandchild('last')]))));
  }
});

const leakyBranches = flow('leaky-branches', async () => {
  const saw = witness();
  hang.start();
  map.start([1], () => hang());
  const result = await parallel([
    async () => {
      hang.start();
      slow.start();
      sleep.start('1h');
      saw('leaves three');
      return work('a', 1);
    },
    async () => {
      parallel.start([() => hang(), async () => saw(await work('leaked', 1))]);
      // Delivered to nobody.
      fail.start('unseen');
      return work('b', 2);
    },
    async () => {
      work.start('c');
      return 'at once';
    },
  ]);
  saw(toldOf(result));
  return [toldOf(result), await work('after', 1)];
});

const detachedInBranches = flow('detached-in-branches', async () => {
  const saw = witness();
  const result = await parallel(
    [
      async () => {
        work.start('outlives its branch', 7).detach();
        child.start('free').detach();
        return work('a');
      },
      async () => {
        work.start('outlives a cancelled branch', 5).detach();
        saw('hangs');
        await hang();
      },
      async () => {
        await work('b', 2);
        return fail('c', 1);
      },
    ],
    { name: 'some detach' },
  );
  saw(toldOf(result));
  return [result.completionReason, await work('after', 2)];
});

const sharedFutures = flow('shared-futures', async () => {
  const saw = witness();
  const outer = work.start('outer', 2);
  const observed = fail.start('observed', 1);
  const batch = map.start([1, 2], (item) => work(`item ${item}`, item));
  const result = await parallel([
    async () => {
      saw(await outer);
      return work('a');
    },
    async () => {
      const { done } = await wait([outer, batch], FIRST_COMPLETED);
      saw(`first ${[...done].map(({ id }) => id)}`);
      return toldOf(await batch);
    },
    async () => {
      const error = await observed.exception();
      saw(`${error?.message}`);
      const inner = await parallel([() => outer, async () => (await batch).successCount]);
      return toldOf(inner);
    },
    () => outer.result({ timeout: '1h' }),
  ]);
  saw(toldOf(result));
  return [result.getResults(), await outer];
});

const branchClosures = flow('branch-closures', async () => {
  const saw = witness();
  const result = await map(['x', 'y'], async (item) => {
    const order: string[] = [];
    const closure = async (name: string, hops: readonly number[]): Promise<string> => {
      for (const macrotasks of hops) {
        await work(`${item}${name}`, macrotasks);
        order.push(name);
        saw(`${name} ${order.length}`);
      }
      return name;
    };
    const closures = [closure('a', [2, 0, 1]), closure('b', [1, 1]), closure('c', [0, 3])];
    saw(`first ${await Promise.race(closures)}`);
    const nested = parallel([async () => saw(await work('d', 1)), () => work('e')]);
    await Promise.all([...closures, nested]);
    return work(order.join(''));
  });
  saw(toldOf(result));
  return result.getResults().map((order) => order.length);
});

const customRule = flow('custom-rule', async () => {
  const saw = witness();
  const result = await map(
    [3, 1, 2, 1, 5],
    async (macrotasks, index) => {
      saw(`begins ${index}`);
      if (index === 1) await fail('one', 1);
      return work(`${index}`, macrotasks);
    },
    {
      maxConcurrency: 3,
      completionConfig: { shouldComplete: ({ succeeded, failed, items }) => succeeded + failed >= 3 && items[1]?.status === 'FAILED' && 'FAILED' },
    },
  );
  saw(toldOf(result));
  const broken = await parallel.start([() => work('a'), () => work('b', 1)], {
    completionConfig: {
      shouldComplete: () => {
        throw new SyntaxError('no rule');
      },
    },
  }).exception();
  saw(`${broken?.name} ${broken?.message}`);
  return [result.completionReason, result.getErrors().map(({ message }) => message), broken?.name];
});

const valuesInBranches = flow('values-in-branches', async () => {
  const saw = witness();
  const values = (): string => `${now()} ${random()} ${uuid()}`;
  const before = values();
  const result = await parallel([
    async () => {
      const first = values();
      saw(first);
      await work('a', 1);
      saw(values());
      const inner = await map([1, 2], async (item) => (await work(`b${item}`, item), values()));
      saw(`${toldOf(inner)} ${values()}`);
      return [first, values()];
    },
    async () => (await sleep(1), values()),
    () => values(),
  ]);
  saw(`${before} ${toldOf(result)} ${values()}`);
  return new Set([before, ...(result.getResults().flat() as string[]), values()].map((each) => each.split(' ')[2])).size;
});

/** A flow to be crashed. */
export interface CrashCase {
  readonly name: string;
  start(engine: Engine, id: string): DurableFuture<unknown>;
  /** How every run of it ends: its result as JSON, or the name and message of its error. */
  readonly ends: RegExp;
}

function caseOf(of: Flow<[], unknown>, ends: RegExp): CrashCase {
  return { name: of.name, ends, start: (engine, id) => engine.start(of, [], { id, leaks: 'ignore' }) };
}

export const CASES: readonly CrashCase[] = [
  caseOf(sequence, /^\["a!","b!","c!"\]$/),
  caseOf(fanOut, /^\["a!","b!","c!","d!","fulfilled","rejected","fulfilled"\]$/),
  caseOf(firstCompleted, /^\{"winner":"(.)","prize":"prize for \1!"\}$/),
  caseOf(promiseRace, /^\{"winner":".!","any":"[ce]!","rest":\["fulfilled","fulfilled","fulfilled"\]\}$/),
  caseOf(nested, /^\["left1!,left2!","right1!,right2!"\]$/),
  caseOf(timers, /^\{"late":"TimeoutError","order":4\}$/),
  caseOf(closures, /^\{"first":".","order":7,"last":"[abc]{7}!"\}$/),
  caseOf(cancelLoser, /^"done"$/),
  caseOf(failures, /^EvalError: RangeError,TypeError child bad,finally!$/),
  caseOf(cancelled, /^CancelledError: .* was cancelled: enough$/),
  caseOf(detaching, /^"attached!"$/),
  caseOf(mixedBranches, /^\["before!",\["action!","child1!,child2!","slept!",\["inner!",\[7,7,7\]\]\]\]$/),
  caseOf(twoAtOnce, /^\["after!","ALL_COMPLETED: \\"a\\" \| \\"b\\" \| RangeError c failed \| \\"d\\" \| \\"e\\""\]$/),
  caseOf(failFast, /^\["after!","FAILURE_TOLERANCE_EXCEEDED",\["bad failed"\],"STARTED"\]$/),
  caseOf(firstSuccessful, /^\["MIN_SUCCESSFUL_REACHED",1,"prize for ([abc])\1!!"\]$/),
  caseOf(leftBranches, /^\["MIN_SUCCESSFUL_REACHED",1,"after!"\]$/),
  caseOf(batchRace, /^"after!"$/),
  caseOf(cancelledBranches, /^CancelledError: .* was cancelled: enough$/),
  caseOf(leakyBranches, /^\["ALL_COMPLETED: \\"a!\\" \| \\"b!\\" \| \\"at once\\"","after!"\]$/),
  caseOf(detachedInBranches, /^\["FAILURE_TOLERANCE_EXCEEDED","after!"\]$/),
  caseOf(sharedFutures, /^\[\["a!",".*","ALL_COMPLETED: \\"outer!\\" \| 2","outer!"\],"outer!"\]$/),
  caseOf(branchClosures, /^\[8,8\]$/),
  caseOf(customRule, /^\["CUSTOM_COMPLETION_FAILED",\["one failed"\],"SyntaxError"\]$/),
  caseOf(valuesInBranches, /^6$/),
];

/** How a run ended, in the words of `CrashCase.ends`. */
export async function endOf(future: DurableFuture<unknown>): Promise<string> {
  try {
    return JSON.stringify(await future.result());
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}
