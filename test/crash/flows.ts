import { asCompleted, type DurableFuture, FIRST_COMPLETED, flow, flowContext, now, random, shield, sleep, uuid, wait } from 'perdure';
import { BATCH_CASES } from './batch-flows.js';
import { type CrashCase, cancelRun, caseOf, child, fail, grandchild, hang, slow, work } from './crash-case.js';
import { LEFT_CASES } from './left-flows.js';
import { witness } from './observer.js';

/** Representative flows: what they see is told to the observer, what they return says which way they went. */

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
  ...BATCH_CASES,
  ...LEFT_CASES,
];
