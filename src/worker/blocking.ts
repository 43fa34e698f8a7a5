import { ExecutionError } from '../errors/errors.js';
import { whatIs } from '../model/named.js';
import { isOperation, type OperationRecord, type RunRecord } from '../model/records.js';
import type { BlockedCode } from '../model/statuses.js';
import { plainError } from '../runtime/notices/plain-value.js';
import type { RunPorts, RunServices } from '../runtime/run-ports.js';

type BlockingPorts = Pick<RunPorts, 'services' | 'life'>;

/** How many of the operations under way are named. */
const NAMED = 3;

/** Tells of a run that waits for its flow to be registered somewhere. */
export function tellUnregistered(
  { logger, events }: Pick<RunServices, 'logger' | 'events'>,
  { id: runId, flow, version }: RunRecord,
): void {
  const message = `run ${runId} waits: no flow "${flow}" version ${version} is registered in this process; it goes on as soon as one is, here or in another process on this store`;
  logger.warn(message, { runId, flow });
  events.emit('run:blocked', {
    runId,
    flow,
    code: 'FLOW_NOT_REGISTERED',
    error: { name: 'UsageError', message, code: 'FLOW_NOT_REGISTERED' },
  });
}

/** Blocks a run that was claimed and is not begun again: its process has ended too often while it was under way. */
export function refuseToBegin(ports: BlockingPorts, record: RunRecord, journal: readonly OperationRecord[]): void {
  block(ports, record, { code: 'RECOVERY_LIMIT', error: recoveryLimitReached(record, journal) });
}

/** Blocks a run that was claimed and cannot be begun: what is recorded of it cannot be read. */
export function blockUnreadable(ports: BlockingPorts, record: RunRecord, error: Error): void {
  block(ports, record, { code: 'VALUE_UNREADABLE', error });
}

function block(
  { services, life }: BlockingPorts,
  { id: runId, flow }: RunRecord,
  { code, error }: { code: BlockedCode; error: Error },
): void {
  life.block(runId, { code, reason: services.codec.encodeError(error) }, () => {
    services.logger.error(error.message, { runId, flow, code });
    services.events.emit('run:blocked', { runId, flow, code, error: plainError(error) });
  });
}

function recoveryLimitReached({ id, flow, crashes }: RunRecord, journal: readonly OperationRecord[]): ExecutionError {
  return new ExecutionError(
    'RECOVERY_LIMIT',
    `run ${id} of flow "${flow}" is not begun again: ${crashes} times its process has ended while it was under way, with nothing recorded in between (${whereItWas(journal)}). ` +
      `Find out what ends the process (process.exit(), an unhandled rejection, too little memory, an endless loop), mend it, and call engine.retry("${id}")`,
  );
}

/** As far as that is recorded: what begins and ends the process in one go is not. */
function whereItWas(journal: readonly OperationRecord[]): string {
  const operations = journal.filter(isOperation);
  const last = operations.findLast(({ seq }) => seq !== null);
  const underWay = operations.filter(({ status }) => status === 'STARTED').map(whatIs);
  const parts = [`recorded last: ${last === undefined ? 'nothing' : whatIs(last)}`];
  if (underWay.length > 0) parts.push(`under way: ${underWay.slice(0, NAMED).join(', ')}${underWay.length > NAMED ? ', …' : ''}`);
  return parts.join('; ');
}
