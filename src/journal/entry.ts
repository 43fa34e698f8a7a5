import type { OperationRecord } from '../model/records.js';

/** A journal entry while its run lives: its owner changes it, and hands it over whenever it is to be written. */
export type Entry = { -readonly [K in keyof OperationRecord]: OperationRecord[K] };

/** An entry that has just been made: started, and without an outcome. */
export function newEntry(start: Pick<OperationRecord, 'runId' | 'id' | 'kind' | 'name' | 'digest' | 'input' | 'startedAt'>): Entry {
  const { runId, id, kind, name, digest, input, startedAt } = start;
  return {
    runId,
    id,
    kind,
    name,
    digest,
    input,
    status: 'STARTED',
    seq: null,
    outcome: null,
    startedAt,
    finishedAt: null,
    dueAt: null,
    childRunId: null,
    attempts: null,
  };
}
