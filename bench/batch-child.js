// One flow over `count` trivial actions, in a process of its own so that its peak of memory is its own. Prints milliseconds and MiB as JSON.
const [module, path, how, count] = process.argv.slice(2);
const { action, flow, map, open, parallel } = await import(module);

const step = action('batch-step', async (n) => n);
const numbers = (n) => Array.from({ length: n }, (_, index) => index);
const flows = {
  futures: async (n) => (await Promise.all(numbers(n).map((index) => step.start(index)))).length,
  parallel: async (n) => (await parallel(numbers(n).map((index) => () => step(index)))).successCount,
  map: async (n) => (await map(numbers(n), step)).successCount,
  'map, 100 at once': async (n) => (await map(numbers(n), step, { maxConcurrency: 100 })).successCount,
};
const main = flow('batch-main', flows[how]);

const engine = await open({ store: path });
await main(Math.ceil(Number(count) / 10));
const begin = performance.now();
const done = await main(Number(count));
const elapsedMs = performance.now() - begin;
if (done !== Number(count)) throw new Error(`${done} of ${count} are done`);
await engine.close();
console.log(JSON.stringify({ elapsedMs, peakMiB: process.resourceUsage().maxRSS / 1024 }));
