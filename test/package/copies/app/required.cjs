// What is required beside what is imported: the CommonJS build of a package, as jest takes it, and the modules of the same package and of another.
const { join } = require('node:path');
const commonjs = require(join(__dirname, 'node_modules/perdure/dist/index.cjs'));
const testing = require(join(__dirname, 'node_modules/perdure/dist/testing.cjs'));

(async () => {
  const modules = await import('perdure');
  const plugin = await import('../plugin/index.js');
  const mine = commonjs.flow('app.required', async () => plugin.double(21));
  const engine = await modules.open({ store: ':memory:' });
  const results = [commonjs.flow !== modules.flow, await mine(), await plugin.child(1)];
  await engine.close();
  const kit = testing.createTestEngine();
  kit.mock(plugin.double, 7);
  results.push((await kit.run(mine)).result);
  await kit.close();
  console.log(JSON.stringify(results));
})();
