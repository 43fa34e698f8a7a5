import { type BatchResult, CompletionConfig, FIRST_COMPLETED, flow, map, now, parallel, random, shield, sleep, uuid, wait } from 'perdure';
import { type CrashCase, cancelRun, caseOf, child, fail, grandchild, hang, slow, work } from './crash-case.js';
import { witness } from './observer.js';

/** Representative flows with batches; see `flows.ts`. */

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
          const doubled = await map([1, 2, 3], async (number) => {
            saw(`item ${number}`);
            return (await work(`item ${number}`, 3 - number)).length;
          });
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
      completionConfig: {
        shouldComplete: ({ succeeded, failed, items }) => succeeded + failed >= 3 && items[1]?.status === 'FAILED' && 'FAILED',
      },
    },
  );
  saw(toldOf(result));
  const broken = await parallel
    .start([() => work('a'), () => work('b', 1)], {
      completionConfig: {
        shouldComplete: () => {
          throw new SyntaxError('no rule');
        },
      },
    })
    .exception();
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
      const inner = await map([1, 2], async (item) => {
        await work(`b${item}`, item);
        return values();
      });
      saw(`${toldOf(inner)} ${values()}`);
      return [first, values()];
    },
    async () => {
      await sleep(1);
      return values();
    },
    () => values(),
  ]);
  saw(`${before} ${toldOf(result)} ${values()}`);
  return new Set([before, ...(result.getResults().flat() as string[]), values()].map((each) => each.split(' ')[2])).size;
});

export const BATCH_CASES: readonly CrashCase[] = [
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
