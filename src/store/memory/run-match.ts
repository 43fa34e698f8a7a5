import type { RunRecord } from '../../model/records.js';
import type { RunConditions } from '../run-query.js';

/** Makes the test of whether a run meets conditions. No run is put into a queue when it is created, so none is in one. */
export function matcherOf(conditions: RunConditions): (run: RunRecord) => boolean {
  const { ids, statuses, idPrefix, flow, version, blockedCode, queue, parent, roots } = conditions;
  const { createdAfter, createdBefore, finishedAfter, finishedBefore } = conditions;
  const tests: ((run: RunRecord) => boolean)[] = [];
  const test = <T>(given: T | undefined, make: (value: T) => (run: RunRecord) => boolean): void => {
    if (given !== undefined) tests.push(make(given));
  };
  test(ids && new Set(ids), (some) => (run) => some.has(run.id));
  test(statuses && new Set(statuses), (some) => (run) => some.has(run.status));
  test(idPrefix, (prefix) => (run) => run.id.startsWith(prefix));
  test(flow, (name) => (run) => run.flow === name);
  test(version, (number) => (run) => run.version === number);
  test(blockedCode, (code) => (run) => run.blockedCode === code);
  test(queue, () => () => false);
  test(parent, (id) => (run) => run.parentRunId === id);
  test(roots, (only) => (run) => (run.parentRunId === null) === only);
  test(createdAfter, (time) => (run) => run.createdAt > time);
  test(createdBefore, (time) => (run) => run.createdAt < time);
  test(finishedAfter, (time) => (run) => run.finishedAt !== null && run.finishedAt > time);
  test(finishedBefore, (time) => (run) => run.finishedAt !== null && run.finishedAt < time);
  return (run) => tests.every((holds) => holds(run));
}
