// `require` beside the `import` of another copy.
const { flow, open } = require('perdure');

(async () => {
  const plugin = await import('../plugin/index.js');
  const mine = flow('app.required', async () => plugin.double(21));
  const engine = await open({ store: ':memory:' });
  console.log(JSON.stringify([await mine(), await plugin.child(1)]));
  await engine.close();
})();
