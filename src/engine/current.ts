import type { DurableFuture } from '../futures/durable-future.js';
import type { FlowDefinition } from '../runtime/definitions.js';
import type { FlowCallOptions } from './startables.js';

/** An engine as far as flows called outside of any flow need it. */
export interface CurrentEngine {
  startRun(definition: FlowDefinition, args: readonly unknown[], options: FlowCallOptions): DurableFuture<unknown>;
}

/** Open engines that take calls from outside, the last one last. */
const engines: CurrentEngine[] = [];

export function enterEngine(engine: CurrentEngine): void {
  engines.push(engine);
}

export function leaveEngine(engine: CurrentEngine): void {
  const index = engines.lastIndexOf(engine);
  if (index >= 0) engines.splice(index, 1);
}

/** The engine that runs flows called outside of any flow: the last one opened that is still open. */
export function currentEngine(): CurrentEngine | undefined {
  return engines.at(-1);
}
