// Two versions: loading both is nothing, using both is refused.
import { action, flow, open } from 'perdure';
import { uses } from '../old/index.js';

const order = process.argv[2];
if (order === 'old-alone') {
  const engine = await uses.open();
  await engine.close();
  uses.flow();
  console.log(JSON.stringify('works'));
} else {
  const mine = flow('app.mine', async () => {
    const refused = [];
    for (const [name, use] of Object.entries(uses)) {
      try {
        await use();
        refused.push([name, 'went through']);
      } catch (error) {
        refused.push([name, error.name, error.code, error.message]);
      }
    }
    return refused;
  });
  const inAction = action('app.inAction', async () => {
    try {
      return uses.actionContext();
    } catch (error) {
      return error.code;
    }
  });
  const both = flow('app.both', async () => [await mine(), await inAction()]);
  const engine = await open({ store: ':memory:' });
  console.log(JSON.stringify(await both()));
  await engine.close();
}
