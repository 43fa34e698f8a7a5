import { action, flow, open } from 'perdure';

const double = action('double', async (n) => n * 2);
const main = flow('main', async (n) => double(n));

const engine = await open({ store: process.argv[2] });
console.log(await main(21));
await engine.close();
