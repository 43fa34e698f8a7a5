import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open } from 'perdure';
import { processOrder } from './order-processing.js';
import { validateOrder } from './validation.js';

const file = process.argv[2] ?? fileURLToPath(new URL('order.json', import.meta.url));
const store = process.env.PERDURE_STORE || '.perdure/orders.db';

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    console.error(`The order cannot be read from ${path}: ${(error as Error).message}`);
    process.exit(1);
  }
}

function print(result: object): void {
  console.log(JSON.stringify(result, null, 2));
}

async function run(input: unknown): Promise<void> {
  // Before it takes an id: an order that is not valid can be mended and sent again.
  const order = validateOrder(input);
  mkdirSync(dirname(store), { recursive: true });
  await using engine = await open({ store });
  print(await engine.start(processOrder, [order], { id: `order-${order.orderId}` }));
}

try {
  await run(readJson(file));
} catch (error) {
  const { name, message, field, code } = error as Error & { field?: string; code?: string };
  print({ success: false, error: { name, message, field, code }, message: 'Order processing failed' });
  process.exitCode = 1;
}
