// A run of `count` actions that parks, to be killed; started again, it goes on and says so.
const [built, path, count] = process.argv.slice(2);
const { action, flow, open } = await import(built);

const step = action('recovery-step', async (n) => n);
const park = action('recovery-park', async () => {
  console.log(globalThis.openedMs === undefined ? 'parked' : `resumed process up after ${globalThis.openedMs.toFixed(0)} ms`);
  if (globalThis.recovering) return 'done';
  return new Promise((resolve) => setTimeout(resolve, 60_000));
});
const main = flow('recovery-main', async (n) => {
  await Promise.all(Array.from({ length: n }, (_, index) => step.start(index)));
  return park();
});

globalThis.recovering = (await import('node:fs')).existsSync(path);
if (globalThis.recovering) globalThis.openedMs = performance.now();
const engine = await open({ store: path });
await main.with({ id: 'recovery' })(Number(count));
await engine.close();
