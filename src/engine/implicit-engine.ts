import { resolve } from 'node:path';
import { plainError } from '../runtime/notices/plain-value.js';
import { implicitPath } from './choose-store.js';
import { enterEngine } from './current.js';
import { defaultLogger } from './default-logger.js';
import { Engine } from './engine.js';

/**
 * Opens the engine that takes calls in a program that opens none, and closes it when the program has nothing more to do. Its failures are logged, since it
 * has no caller to tell.
 *
 * @throws {UsageError} `INVALID_OPTION` when `$PERDURE_STORE` is the address of a database.
 * @throws {StorageError} `STORE_DIRECTORY_MISSING` when the directory of the default file cannot be made.
 */
export function openImplicitEngine(): Engine {
  const path = implicitPath();
  const engine = new Engine({ store: path });
  enterEngine(engine);
  const store = path === ':memory:' ? 'memory' : resolve(path);
  defaultLogger.info(`the program has opened no engine: its flows run on ${store}. Call open({ store }) first to choose another`, {
    store,
  });
  const logged = (what: string) => (error: unknown) => defaultLogger.error(`${what}: ${plainError(error).message}`, { store });
  // It also rejects the futures of what was started.
  engine.open().catch(logged('the engine that was opened for the program failed to open'));
  process.once('beforeExit', () => void engine.close().catch(logged('the engine that was opened for the program failed to close')));
  return engine;
}
