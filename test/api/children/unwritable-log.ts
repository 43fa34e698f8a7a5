import { text } from 'node:stream/consumers';
import { action, actionContext, flow, flowContext, type Logger, open } from 'perdure';

const [loggerKind, store = ':memory:'] = process.argv.slice(2);

function throws(): never {
  throw new Error('no logger');
}

const logger: Logger = { debug: throws, info: throws, warn: throws, error: throws };
const warnings: string[] = [];
process.on('warning', ({ name }) => warnings.push(name));

// By now standard error has no reader.
await text(process.stdin);

const engine = await open({ store, ...(loggerKind === 'throwing' ? { logger } : {}) });
const act = action('act', async () => actionContext().log.warn('from the action'));
const logging = flow('logging', async () => {
  for (let line = 0; line < 50; line += 1) flowContext().log.info('from the flow', { line });
  await act();
  flowContext().log.error('from the flow again');
  return 'done';
});
const result = await logging.with({ id: 'logged' })();
await engine.close();
await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const listeners = process.stderr.listenerCount('error');

const ownError = await new Promise((resolve) => {
  process.once('uncaughtException', ({ code }: NodeJS.ErrnoException) => resolve(code));
  process.stderr.write('of the program itself\n');
  setTimeout(() => resolve('none'), 5_000).unref();
});
process.stdout.write(JSON.stringify({ result, warnings, listeners, ownError }));
