import { action, actionContext, continueAsNew, event, flow, map, sleep } from 'perdure';

/**
 * The flows of `journal.sql`: what a process left that executed them with the release before schema version 3, and was killed. Actions were held at the
 * gate then, except for those that are open.
 */
export const gate: { open: boolean } = { open: false };
/** What was executed: the action, its argument, and its idempotency key. */
export const executed: [name: string, value: unknown, key: string][] = [];

async function perform(name: string, value: unknown): Promise<string> {
  executed.push([name, value, actionContext().idempotencyKey]);
  if (!gate.open && value !== 'open') await new Promise(() => {});
  return `${name} ${value}`;
}

const pay = action('v2 pay', (value: unknown) => perform('pay', value));
const ship = action('v2 ship', (value: unknown) => perform('ship', value));

/** Paid, and being shipped. */
export const order = flow('v2 order', async (item: string) => [await pay('open'), await ship(item)]);

/** Has left memory for 54 years. */
export const nap = flow('v2 nap', async (): Promise<string> => {
  await pay('open');
  await sleep('20000d');
  return 'awake';
});

/** Waits for a decision that lies in its inbox. */
export const approval = flow('v2 approval', async () => [await pay('open'), await event<string>('decision').result()]);

/** Has let an action go on by itself, which has become a run. */
export const letGo = flow('v2 let go', async (): Promise<string> => {
  ship.start('by itself').detach();
  return pay('open');
});

/** Some of its branches have ended. */
export const batch = flow('v2 batch', async () => {
  const { results } = await map(['open', 'held'], (item) => ship(item));
  return results;
});

/** Waits for a child that waits for an action. */
export const parent = flow('v2 parent', async (): Promise<unknown> => order('of a child'));

/** In its second generation, and held there. */
export const again = flow('v2 again', async (generation: number): Promise<string> => {
  await pay('open');
  if (generation === 1) return continueAsNew(2);
  return ship('of a generation');
});
