import { action, type DurableFuture, event, type Flow, flow, parallel, sleep, wait } from 'perdure';

// The flows of the journals in `older-lines/`: a release wrote those in which an event took messages whether its waits had run out of time or not. Neither
// they nor the journals may change.

const note = action('older-note', async (what: string) => what);

async function told(wait: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await wait;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

/** The event of the first round takes what comes in the third. */
export const swallowed: Flow<[], unknown> = flow('older-swallowed', async () => {
  for (let round = 0; round < 4; round += 1) {
    const got = await told(event('m').result({ timeout: 100 }));
    if (got !== 'WAIT_TIMEOUT') return got;
  }
  return note('nothing came');
});

/** What came meanwhile is there before it is waited for again. */
export const again: Flow<[], unknown> = flow('older-again', async () => {
  const waiting = event('m');
  const seen: unknown[] = [await told(waiting.result({ timeout: 100 }))];
  await sleep(200);
  seen.push(await note(waiting.status), waiting.done() ? 'done' : await note('not done'));
  seen.push(await told(waiting.result({ timeout: 100 })), (await wait([waiting], { timeout: 100 })).done.size);
  return seen;
});

/** Branches wait for an event around them whose last wait has run out of time. */
export const inBranches: Flow<[], unknown> = flow('older-in-branches', async () => {
  const waiting = event('m');
  const seen = [await told(waiting.result({ timeout: 100 }))];
  const batch = await parallel([
    async () => [await note('first'), await waiting],
    async () => [await told(inBranch(waiting)), await note('second')],
  ]);
  return [...seen, ...batch.getResults(), await event('m')];
});

async function inBranch(waiting: DurableFuture<unknown>): Promise<unknown> {
  return waiting.result({ timeout: 1000 });
}
