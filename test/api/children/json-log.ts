import { action, actionContext, flow, flowContext, open } from 'perdure';

await using _engine = await open({ store: ':memory:' });
const act = action('act', async () => actionContext().log.warn('from the action', { big: 1n }));
const logging = flow('logging', async () => {
  flowContext().log.info('from the flow', { order: 7 });
  await act();
  flowContext().log.error('keeps its own message', { message: 'a field', level: 'none' });
});
await logging.with({ id: 'logged' })();
