import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { open } from 'perdure';
import { quote } from './quorum.js';

const product = process.argv[2] ?? 'PROD-001';
const store = process.env.PERDURE_STORE || '.perdure/quorum.db';
const sources = [
  { name: 'exchange', latencyMs: 20, price: 29.99 },
  { name: 'archive', latencyMs: 60_000, price: 27.5 },
  { name: 'broker', latencyMs: 40, price: 30.15 },
];

mkdirSync(dirname(store), { recursive: true });
await using engine = await open({ store });
const { prices, cancelled } = await engine.start(quote, [sources], { id: `quote-${product}` });

for (const { name, price } of prices) console.log(name.padEnd(10), price.toFixed(2));
for (const name of cancelled) console.log(name.padEnd(10), 'cancelled');
