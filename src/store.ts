// For authors of stores: the port, and the records that it takes and gives. A store of one's own is held against `storeConformance` of `perdure/testing`.
export type {
  EntryKind,
  InboxMessage,
  OperationRecord,
  RunEnd,
  RunRecord,
  RunRestart,
  RunSuspension,
} from './model/records.js';
export type {
  Claim,
  ClaimQuery,
  CommitBatch,
  NewWorker,
  OpenOptions,
  PruneQuery,
  RunFilter,
  Store,
  SuspectQuery,
  WorkerInfo,
} from './store/store.js';
