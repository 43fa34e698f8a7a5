import { setTimeout as delay } from 'node:timers/promises';
import { action, actionContext, flow, parallel } from 'perdure';

export interface Source {
  readonly name: string;
  readonly latencyMs: number;
  /** What it answers; without a price it fails. */
  readonly price?: number;
}

const NEEDED = 2;

const askPrice = action('askPrice', async ({ name, latencyMs, price }: Source) => {
  const { signal, log } = actionContext();
  signal.addEventListener('abort', () => log.info('the price is not wanted any more', { source: name }));
  await delay(latencyMs, undefined, { signal });
  if (price === undefined) throw new Error(`${name} has no price`);
  return price;
});

export const quote = flow('quote', async (sources: Source[]) => {
  const answers = await parallel(
    sources.map((source) => ({ name: source.name, run: () => askPrice(source) })),
    { name: 'sources', completionConfig: { minSuccessful: NEEDED } },
  );
  // Every source has answered by now, or enough of them have.
  if (answers.successCount < NEEDED) {
    throw new AggregateError(
      answers.getErrors(),
      `${answers.successCount} of ${answers.totalCount} sources gave a price, ${NEEDED} are needed`,
    );
  }
  return {
    prices: answers.succeeded().map(({ name, result }) => ({ name, price: result })),
    failed: answers.failed().map(({ name }) => name),
    cancelled: answers.started().map(({ name }) => name),
  };
});
