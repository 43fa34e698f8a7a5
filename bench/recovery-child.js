// A run of `count` actions that parks, to be killed; it goes on in the next process. Each says so when the run has come there.
const [module, path, count, part] = process.argv.slice(2);
const { action, flow, open } = await import(module);
const loadedMs = performance.now();

const step = action('recovery-step', async (n) => n);
const park = action('recovery-park', async () => {
  console.log(JSON.stringify({ loadedMs }));
  if (part === 'begin') await new Promise((resolve) => setTimeout(resolve, 60_000));
});
const main = flow('recovery-main', async (n) => {
  await Promise.all(Array.from({ length: n }, (_, index) => step.start(index)));
  await park();
});

const engine = await open({ store: path });
await main.with({ id: 'recovery' })(Number(count));
await engine.close();
