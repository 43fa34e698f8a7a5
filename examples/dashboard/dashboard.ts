import { action, flow } from 'perdure';

export const fetchProfile = action('fetchProfile', async (userId: string) => ({ userId, name: 'Ada' }));

export const fetchOrders = action('fetchOrders', async (userId: string) => [{ userId, orderId: 'ORD-1', total: 130.68 }]);

export const getDashboard = flow('getDashboard', async (userId: string) => {
  const profile = fetchProfile.start(userId);
  const orders = fetchOrders.start(userId);
  return { profile: await profile.result(), orders: await orders.result() };
});
