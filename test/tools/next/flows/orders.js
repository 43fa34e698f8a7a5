import { action, flow, open } from 'perdure';

const price = action('price', async (item) => `${item} costs 1`);
export const order = flow('order', async (item) => price(item));

// Once a process: an edit evaluates this module again.
globalThis.engine ??= open({ store: 'orders.db' });
export const engine = globalThis.engine;
