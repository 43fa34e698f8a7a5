import { UsageError } from '../errors/errors.js';
import type { DurableFuture } from '../futures/durable-future.js';
import type { Logger } from '../model/logger.js';
import { shared } from '../realm/realm.js';
import type { FlowDefinition } from '../runtime/definitions.js';
import { defaultLogger } from './default-logger.js';
import { refusedStart } from './refused-start.js';
import type { FlowCallOptions } from './startables.js';

/** An engine as far as flows called outside of any flow need it. */
export interface CurrentEngine {
  startRun(definition: FlowDefinition, args: readonly unknown[], options: FlowCallOptions): DurableFuture<unknown>;
}

/**
 * Who takes the calls of flows that are made outside of any flow.
 *
 *   CE1  `holder` is undefined until an engine is opened. Once the program has called `open()` itself, none is opened for it.
 *   CE2  The engine that was opened last holds the place, from the call of `open()` on. When it closes or fails, what stands in its place refuses the calls
 *       with its error, until another is opened: they go to no other store.
 *   CE3  Engines of the testing kit stand in front while they are open, and leave the place as it was.
 */
interface Place {
  holder: CurrentEngine | undefined;
  readonly standIns: CurrentEngine[];
}

const place = shared<Place>('current engine', () => ({ holder: undefined, standIns: [] }));

/** The program opens an engine, be it one that takes no such calls. */
export function openedByProgram(): void {
  place.holder ??= refusing(noCurrentEngine, defaultLogger);
}

/** The engine takes the calls from now on. */
export function enterEngine(engine: CurrentEngine): void {
  place.holder = engine;
}

/** The calls are refused from now on: the engine that was to take them cannot. `logger` is told of those that no code waits for. */
export function refuseCalls(error: Error, logger: Logger): void {
  place.holder = refusing(() => error, logger);
}

/** An engine of the testing kit takes the calls while it is open. */
export function standIn(engine: CurrentEngine): void {
  place.standIns.push(engine);
}

/** The engine takes no more calls, and those that it would have taken get the error. */
export function leaveEngine(engine: CurrentEngine, error: Error, logger: Logger): void {
  const index = place.standIns.lastIndexOf(engine);
  if (index >= 0) place.standIns.splice(index, 1);
  if (place.holder === engine) refuseCalls(error, logger);
}

/** Who takes a call now. @param openOne - Opens the engine of a program that opens none. */
export function currentEngine(openOne: () => CurrentEngine): CurrentEngine {
  return place.standIns.at(-1) ?? place.holder ?? openOne();
}

function refusing(errorOf: (definition: FlowDefinition) => Error, logger: Logger): CurrentEngine {
  return { startRun: (definition, _args, options) => refusedStart({ definition, options, error: errorOf(definition), logger }) };
}

function noCurrentEngine({ name }: FlowDefinition): UsageError {
  return new UsageError(
    'NO_CURRENT_ENGINE',
    `flow "${name}" was called outside of any flow, and the engines of this program take no such calls: they were opened with default: false or execute: false. Use engine.start(flow, args), or open an engine without these options`,
  );
}
