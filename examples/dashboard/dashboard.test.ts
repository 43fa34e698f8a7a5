import { crashEverywhere, createTestEngine } from 'perdure/testing';
import { expect, test } from 'vitest';
import { fetchOrders, fetchProfile, getDashboard } from './dashboard.js';

test('joins what two actions fetched', async () => {
  await using engine = createTestEngine();
  const report = await engine.run(getDashboard, ['u1']);
  expect(report.result).toEqual({
    profile: { userId: 'u1', name: 'Ada' },
    orders: [{ userId: 'u1', orderId: 'ORD-1', total: 130.68 }],
  });
  expect(report.operations.map(({ name, input }) => ({ name, input }))).toEqual([
    { name: 'fetchProfile', input: ['u1'] },
    { name: 'fetchOrders', input: ['u1'] },
  ]);
  engine.assertNoLeaks();
});

test('fetches both at once: the slower of the two decides how long it takes', async () => {
  await using engine = createTestEngine();
  engine.mock(fetchProfile, { userId: 'u1', name: 'Grace' }, { latency: '2s' });
  engine.mock(fetchOrders, [], { latency: '3s' });
  const startedAt = engine.now();
  const { result } = await engine.run(getDashboard, ['u1']);
  expect(result).toEqual({ profile: { userId: 'u1', name: 'Grace' }, orders: [] });
  expect(engine.now() - startedAt).toBe(3_000);
});

test('fails with what an action failed with', async () => {
  await using engine = createTestEngine();
  engine.mock(fetchOrders, new Error('no orders today'));
  const { status, error } = await engine.run(getDashboard, ['u1']);
  expect(status).toBe('FAILED');
  expect(error?.message).toBe('no orders today');
});

test('comes to the same dashboard wherever the process crashes', async () => {
  await crashEverywhere(getDashboard, ['u1']);
});
