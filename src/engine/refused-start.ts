import { systemClock } from '../clock/system-clock.js';
import type { DurableFuture } from '../futures/durable-future.js';
import type { Logger } from '../model/logger.js';
import type { FlowDefinition } from '../runtime/definitions.js';
import { newRunId } from '../runtime/identity/new-run.js';
import { engineCodec } from './options.js';
import { RootFuture } from './root-future.js';
import type { FlowCallOptions } from './startables.js';

interface Refusal {
  readonly definition: FlowDefinition;
  readonly options: FlowCallOptions;
  readonly error: Error;
  readonly logger: Logger;
}

const CODEC = engineCodec({});

/**
 * The future of a start that no engine takes: it rejects, and so does its `recorded()`. Whether there is an engine is a matter of time, not of the call, so
 * the caller of a start finds it out where it finds out that a start could not be written. Where it does not ask, a log line says so.
 */
export function refusedStart({ definition, options, error, logger }: Refusal): DurableFuture<unknown> {
  const root = new RootFuture({
    runId: options.id ?? newRunId(systemClock.now()),
    name: options.name ?? definition.name,
    codec: CODEC,
    host: { clock: systemClock, requestCancel: () => {}, hold: () => {}, letGo: () => {} },
  });
  root.abandon(error);
  systemClock.macrotask(() => {
    if (!root.attended)
      logger.warn(`flow "${definition.name}" was not started, and nobody waits for it: ${error.message}`, { flow: definition.name });
  });
  return root.future;
}
