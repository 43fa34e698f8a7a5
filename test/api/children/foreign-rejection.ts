import { open } from 'perdure';

await open({ store: ':memory:' });
void Promise.reject(new RangeError('nobody handles this either'));
await new Promise((resolve) => setTimeout(resolve, 5_000));
