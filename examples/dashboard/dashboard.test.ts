import { open } from 'perdure';
import { expect, test } from 'vitest';
import { getDashboard } from './dashboard.js';

test('joins what two actions fetched in the background', async () => {
  await using engine = await open({ store: ':memory:' });
  const events: string[] = [];
  engine.on('operation:started', ({ name }) => events.push(`${name} started`));
  engine.on('operation:finished', ({ name }) => events.push(`${name} finished`));

  expect(await getDashboard('u1')).toEqual({
    profile: { userId: 'u1', name: 'Ada' },
    orders: [{ userId: 'u1', orderId: 'ORD-1', total: 130.68 }],
  });
  expect(events.slice(0, 2)).toEqual(['fetchProfile started', 'fetchOrders started']);
});
