import { flow, map, now, parallel, shield, sleep, uuid } from 'perdure';
import { type CrashCase, cancelRun, caseOf, fail, hang, work } from './crash-case.js';
import { witness } from './observer.js';

/** Representative flows that leave code behind, or whose code goes on in spite of its cancellation; see `flows.ts`. */

const leftBehind = flow('left-behind', async () => {
  const saw = witness();
  const holding = (name: string) => async (): Promise<void> => {
    try {
      await hang();
    } catch (error) {
      saw(`${name} ${(error as Error).name}`);
      await shield(async () => saw(await work(`${name} first`, 2)));
    } finally {
      await shield(async () => {
        await Promise.all([work(`${name} second`, 1), sleep(1)]);
        saw(`${name} ${now()} ${uuid()}`);
      });
    }
  };
  const inner = await parallel(
    [
      async () => {
        map.start(['a', 'b'], (name) => holding(name)());
        return work('leaves', 1);
      },
      async () => {
        parallel.start([() => parallel([holding('deep')])]).detach();
        await work('throws', 3);
        throw new RangeError('a branch');
      },
      () => work('beside', 4),
    ],
    { completionConfig: { toleratedFailureCount: 1 } },
  );
  saw(inner.all.map(({ status }) => status).join());
  void shield(async () => saw(await work('open', 5)));
  await shield(async () => void parallel.start([holding('shielded')]));
  await Promise.all([parallel([holding('e'), holding('f')]), fail('charge', 2)]);
});

const leftBriefly = flow('left-briefly', async () => {
  const saw = witness();
  const holding = async (): Promise<void> => {
    try {
      await hang();
    } finally {
      await shield(async () => saw(await work('given back', 1)));
    }
  };
  await Promise.all([parallel([holding]), fail('charge', 1)]);
});

const swallowing = flow('swallowing', async () => {
  const saw = witness();
  const persistent = async (name: string, times: number): Promise<void> => {
    for (let refused = 0; refused < times; ) {
      try {
        await hang();
      } catch {
        refused += 1;
        if (refused % 60 === 0) saw(`${name} ${refused}`);
        if (refused === 110) await shield(async () => saw(await work(`${name} cleans`, 1)));
      }
    }
  };
  const race = await parallel([() => persistent('x', 130), () => persistent('y', 190), () => work('won')], {
    completionConfig: { minSuccessful: 1 },
  });
  saw(race.all.map(({ status }) => status).join());
  const asked = cancelRun.start('enough');
  await Promise.all([persistent('z', 150), persistent('u', 130), asked.exception()]);
  return shield(() => work('after'));
});

export const LEFT_CASES: readonly CrashCase[] = [
  caseOf(leftBehind, /^RangeError: charge failed$/),
  caseOf(leftBriefly, /^RangeError: charge failed$/),
  caseOf(swallowing, /^"after!"$/),
];
