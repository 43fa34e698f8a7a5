import { Engine } from '../engine/engine.js';
import type { EngineOptions } from '../engine/options.js';
import { UsageError } from '../errors/errors.js';
import { currentPlace } from '../runtime/current-scope.js';

/**
 * Opens an engine: connects to the store, and goes on with the runs that nobody has finished.
 *
 * @throws {UsageError} `INVALID_OPTION`
 * @throws {StorageError} when the store cannot be opened.
 * @example
 * await using engine = await open({ store: 'app.db' });
 */
export async function open(options?: EngineOptions): Promise<Engine> {
  if (currentPlace() !== undefined) throw new UsageError('ENGINE_IN_FLOW', 'open() belongs outside flows and actions');
  const engine = new Engine(options);
  await engine.open();
  return engine;
}
