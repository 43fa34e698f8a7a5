export { type CrashOptions, type CrashReport, crashEverywhere } from './testing/crash-everywhere.js';
export { type Mockable, type MockOptions, type Sequence, type StandIn, sequence } from './testing/mocks.js';
export type { OperationReport, RunReport } from './testing/run-report.js';
export { createTestEngine, type TestEngine, type TestEngineOptions, type TestRunOptions } from './testing/test-engine.js';
export { assertWellFormed } from './testing/well-formed.js';
