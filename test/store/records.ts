export {
  batchOf,
  blockOf,
  endOf,
  messageTo,
  outcomeOf,
  runOf,
  startOf,
  theRun,
  withRuns,
  workerOf,
} from '../../src/testing/store-conformance/records.js';
