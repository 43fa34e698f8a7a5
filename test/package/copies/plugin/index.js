// A package that has perdure as a dependency of its own, and gives flows and actions to others.
import {
  action,
  actionContext,
  asCompleted,
  continueAsNew,
  event,
  flow,
  flowContext,
  map,
  NonRetryableError,
  now,
  parallel,
  registerError,
  StorageError,
  sleep,
  UsageError,
  wait,
} from 'perdure';

export * as perdure from 'perdure';
export * as testing from 'perdure/testing';

export class Declined extends Error {
  name = 'Declined';
}
registerError(Declined);

let tries = 0;
export const triesOfFinal = () => tries;

export const double = action('plugin.double', async (n) => n * 2);
export const whoAsks = action('plugin.whoAsks', async () => actionContext().runId);
export const decline = action('plugin.decline', async () => {
  throw new Declined('no');
});
export const final = action('plugin.final', async () => {
  tries += 1;
  throw new NonRetryableError('never');
});
export const child = flow('plugin.child', async (n) => {
  await sleep(1);
  return `${flowContext().flow} ${now() > 0} ${await double(n)}`;
});
export const countDown = flow('plugin.countDown', async (n) => (n > 0 ? continueAsNew(n - 1) : 'landed'));
export const batches = flow('plugin.batches', async () => {
  const both = await parallel([() => double(1), () => double(2)]);
  const mapped = await map([3, 4], double);
  const { done } = await wait([double.start(5), sleep.start(1)]);
  const order = [];
  for await (const each of asCompleted([double.start(6)])) order.push(await each);
  return [both.getResults(), mapped.getResults(), done.size, order];
});
export const listens = flow('plugin.listens', async () => await event('news'));

/** What this copy says of an error that another copy made. */
export const kindOf = (error) => [error instanceof UsageError, error instanceof StorageError];
