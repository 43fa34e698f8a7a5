import {
  action,
  actionContext,
  CompletionConfig,
  callback,
  continueAsNew,
  event,
  FIRST_COMPLETED,
  type Flow,
  flow,
  map,
  now,
  parallel,
  patched,
  RetryPresets,
  random,
  shield,
  sleep,
  uuid,
  wait,
  waitForCondition,
} from 'perdure';

// The flows of the golden journals beside this file. Neither they nor the journals may change: releases to come have to replay what older ones wrote.

const step = action('golden-step', async (name: string) => `${name}!`);
const shaky = action(
  'golden-shaky',
  async (name: string) => {
    if (actionContext().attempt < 3) throw new RangeError(`${name} failed`);
    return name;
  },
  { retry: RetryPresets.fixed({ maxAttempts: 3 }) },
);
const look = action('golden-look', async (level: number) => level + 1);
const refuse = action('golden-refuse', async (): Promise<string> => {
  throw new TypeError('refused');
});

const child = flow('golden-child', async (name: string) => {
  await sleep('1h');
  if (name === 'bad') throw new Error('a bad child');
  return step(name);
});

export const messages: Flow<[], unknown> = flow('golden-messages', async () => {
  const early = event<string>('news');
  const reminder = sleep.start('3d');
  const { done } = await wait([early, reminder], FIRST_COMPLETED);
  reminder.cancel();
  const { token, future } = callback<string>({ name: 'approval', timeout: '7d' });
  const answer = await future;
  const late = callback({ name: 'nobody', timeout: '1d' });
  const error = await late.future.exception();
  return [done.has(early), await early, answer, await event<string>('news'), token.length > 20, error?.name];
});

export const attempts: Flow<[], unknown> = flow('golden-attempts', async () => {
  const level = await waitForCondition(look, { initial: 0, strategy: (found) => ({ continue: found < 4, delay: '10s' }) });
  const failed = await child
    .with({ retry: RetryPresets.fixed({ maxAttempts: 2 }) })('bad')
    .catch((error: Error) => error.message);
  return [await shaky('first'), level, failed, await refuse().catch((error: Error) => error.name)];
});

export const batches: Flow<[], unknown> = flow('golden-branches', async () => {
  const first = await parallel(
    [
      async () => [await event<string>('letter'), await step('read')],
      { name: 'slow', run: () => child('slow') },
      async () => {
        try {
          return await event<string>('never');
        } finally {
          await shield(() => step('cleaned'));
        }
      },
    ],
    { completionConfig: CompletionConfig.firstSuccessful() },
  );
  const rest = await map(['a', 'b', 'bad'], child, { maxConcurrency: 2 });
  return [first.all.map(({ status }) => status), rest.all.map(({ status }) => status), await event<string>('letter')];
});

export const generations: Flow<[number, string[]], string[]> = flow('golden-generations', async (round: number, seen: string[]) => {
  const news = await event<string>('round');
  const drawn = [random(), uuid(), now()].length;
  await sleep('1d');
  const told = [...seen, `${round} ${news} ${await step(`${drawn}`)}`];
  if (round === 3) return told;
  return continueAsNew(round + 1, told);
});

export const cancelled: Flow<[], unknown> = flow('golden-cancelled', async () => {
  try {
    await Promise.all([sleep('30d'), child('slow')]);
  } finally {
    await shield(() => step('undone'));
  }
});

export const changed: Flow<[], unknown> = flow('golden-changed', async () => {
  const before = patched('golden-first-change');
  await step('work');
  return [before, patched('golden-second-change'), await step('more')];
});

/** Which of the two branches has the first letter depends on the turn in which the code is told that the first one leaves behind. */
export const leftBehind: Flow<[], unknown> = flow('golden-left-behind', async () => {
  const reading = async (): Promise<void> => {
    try {
      await sleep('30d');
    } finally {
      await shield(async () => step(`read ${await event<string>('letter')}`));
    }
  };
  const result = await parallel([
    async () => {
      parallel.start([reading, () => parallel([reading])]);
      return step('leaves');
    },
    async () => [await step('goes on'), await event<string>('letter')],
  ]);
  map.start([1, 2], async (item) => {
    for (let round = 0; round < 120; round += 1) await sleep('1d').catch(() => undefined);
    await shield(() => step(`gives back ${item}`));
  });
  await step('ends');
  return result.getResults();
});
