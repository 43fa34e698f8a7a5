import { open } from 'perdure';
import { fastestSource } from './fastest-source.js';

await using engine = await open({ store: ':memory:' });
const sources = [
  { name: 'origin', latencyMs: 60_000 },
  { name: 'mirror', latencyMs: 20 },
];
console.log(JSON.stringify(await engine.start(fastestSource, [sources]), null, 2));
