import { setTimeout as delay } from 'node:timers/promises';
import { action, actionContext, FIRST_COMPLETED, flow, wait } from 'perdure';

export interface Source {
  readonly name: string;
  readonly latencyMs: number;
}

const query = action('query', async ({ name, latencyMs }: Source) => {
  await delay(latencyMs, undefined, { signal: actionContext().signal });
  return `answer from ${name}`;
});

export const readFrom = flow('readFrom', async (source: Source) => {
  const answer = await query(source);
  return { source: source.name, answer };
});

export const fastestSource = flow('fastestSource', async (sources: Source[]) => {
  const reads = sources.map((source) => readFrom.with({ name: source.name }).start(source));
  const { done, notDone } = await wait(reads, FIRST_COMPLETED);
  for (const loser of notDone) loser.cancel('another source was faster');

  const [winner] = done;
  if (winner === undefined) throw new Error('there is no source to read from');
  return { ...(await winner.result()), cancelled: [...notDone].map((loser) => loser.name) };
});
