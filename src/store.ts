// For authors of stores, and for those who look at one: the ports, and the records that they take and give. A store of one's own is held against `storeConformance` of `perdure/testing`.
export type {
  EntryKind,
  InboxMessage,
  OperationRecord,
  PlaceInLine,
  Publication,
  RunCreation,
  RunEnd,
  RunRecord,
  RunRestart,
  RunSuspension,
  TransactionKey,
} from './model/records.js';
export type {
  CountedBy,
  OperationLine,
  OutlineRange,
  Page,
  RunDetail,
  RunLine,
  RunOrder,
  RunQuery,
  StoreReader,
  WorkerLine,
} from './store/reader.js';
export { type SqliteReaderOptions, sqliteReader } from './store/sqlite/sqlite-reader.js';
export type {
  Claim,
  ClaimQuery,
  CommitAnswer,
  CommitBatch,
  FlowEntry,
  NewWorker,
  OpenOptions,
  PruneQuery,
  Store,
  SuspectQuery,
  Taken,
  WorkerInfo,
} from './store/store.js';
export type { Watcher } from './store/watcher.js';
