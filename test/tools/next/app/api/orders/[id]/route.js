import { engine, order } from '../../../../flows/orders.js';

export async function GET(_request, { params }) {
  const { id } = await params;
  await engine;
  return Response.json({ result: await order.with({ id })(id) });
}
