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
} from '../../src/testing/store-conformance/records.js';
