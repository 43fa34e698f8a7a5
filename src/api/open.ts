import { enterEngine, openedByProgram, refuseCalls } from '../engine/current.js';
import { defaultLogger } from '../engine/default-logger.js';
import { Engine } from '../engine/engine.js';
import { type EngineOptions, readEngineOptions } from '../engine/options.js';
import { ledHere } from '../errors/call-site.js';
import { UsageError } from '../errors/errors.js';
import { refuseMore } from '../options/extra-arguments.js';
import { optionOf } from '../options/read-options.js';
import { currentPlace } from '../runtime/scopes/current-place.js';

/**
 * Opens an engine: connects to the store, and goes on with the runs that are not finished.
 *
 * Flows that are called outside of any flow run on the engine that was opened last, from this call on: until it is open they wait, and once it is closed or has
 * failed they are refused with its error.
 *
 * @throws {UsageError} `INVALID_OPTION`
 * @throws {StorageError} when the store cannot be opened.
 * @example
 * await using engine = await open({ store: 'app.db' });
 */
export async function open(options?: EngineOptions): Promise<Engine> {
  if (currentPlace() !== undefined) throw new UsageError('ENGINE_IN_FLOW', 'open() belongs outside flows and actions');
  refuseMore('open(options)', arguments);
  const engine = makeEngine(options);
  try {
    await engine.open();
  } catch (error) {
    throw ledHere(error);
  }
  return engine;
}

function makeEngine(options: EngineOptions | undefined): Engine {
  openedByProgram();
  let given = options;
  try {
    given = readEngineOptions('open()', options);
    const engine = new Engine(given);
    if (takesCalls(given)) enterEngine(engine);
    return engine;
  } catch (error) {
    if (takesCalls(given)) refuseCalls(error as Error, defaultLogger);
    throw error;
  }
}

/** One that is opened to look at a store does not start runs there, unless that is asked for. */
function takesCalls(options: EngineOptions | undefined): boolean {
  const given = options ?? {};
  return (optionOf(given, 'default') ?? optionOf(given, 'execute') !== false) as boolean;
}
