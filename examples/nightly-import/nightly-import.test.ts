import { actionContext, memoryStore } from 'perdure';
import { crashEverywhere, createTestEngine, type TestEngine } from 'perdure/testing';
import { expect, test } from 'vitest';
import { importOrders, nextNight, nightlyImport, type Report, sendReport } from './nightly-import.js';

const DAY_MS = 24 * 60 * 60 * 1000;
const HOUR_MS = 60 * 60 * 1000;
const RUN = { id: 'nightly' };

/** Collects reports, and cancels the run, which would go on for ever, when it has made the report of this night. */
function collect(engine: TestEngine, lastNight: string, reports: Report[] = []): Report[] {
  engine.mock(sendReport, async (report) => {
    reports.push(report);
    if (report.at >= new Date(lastNight)) await engine.cancel(actionContext().runId);
  });
  return reports;
}

test.each([
  ['before two', 1 * HOUR_MS, 2 * HOUR_MS],
  ['at two', 2 * HOUR_MS, DAY_MS + 2 * HOUR_MS],
  ['after two', 23 * HOUR_MS, DAY_MS + 2 * HOUR_MS],
])('the next night %s', (_when, after, expected) => {
  expect(nextNight(after, DAY_MS)).toBe(expected);
});

test('imports every night at two what has come since the night before', async () => {
  await using engine = createTestEngine({ startTime: new Date('2030-05-01T12:00Z') });
  const reports = collect(engine, '2030-05-04T02:00Z');
  const { status } = await engine.run(nightlyImport, [DAY_MS, 0], RUN);
  expect(status).toBe('CANCELLED');
  expect(reports).toEqual([
    { at: new Date('2030-05-02T02:00Z'), count: 10, last: 10 },
    { at: new Date('2030-05-03T02:00Z'), count: 13, last: 23 },
    { at: new Date('2030-05-04T02:00Z'), count: 12, last: 35 },
  ]);
});

test('keeps the journal of one night only', async () => {
  await using engine = createTestEngine();
  collect(engine, '2025-02-01T02:00Z');
  const { operations } = await engine.run(nightlyImport, [DAY_MS, 0], RUN);
  expect(engine.calls(importOrders)).toHaveLength(32);
  expect(operations.length).toBeLessThanOrEqual(3);
});

test('tries again when the shop has a hiccup', async () => {
  await using engine = createTestEngine();
  const reports = collect(engine, '2025-01-01T02:00Z');
  engine.mock(importOrders, (after) => {
    if (actionContext().attempt < 4) throw new Error('busy');
    return { count: 3, last: after + 3 };
  });
  await engine.run(nightlyImport, [DAY_MS, 0], RUN);
  expect(engine.calls(importOrders)).toEqual([[0], [0], [0], [0]]);
  expect(reports).toMatchObject([{ count: 3, last: 3 }]);
});

test('reports a night without the shop, and begins the next with the same order', async () => {
  await using engine = createTestEngine();
  const reports = collect(engine, '2025-01-02T02:00Z');
  engine.mock(importOrders, (after) => {
    if (engine.now() < Date.UTC(2025, 0, 2)) throw new Error('the shop is down');
    return { count: 5, last: after + 5 };
  });
  await engine.run(nightlyImport, [DAY_MS, 100], RUN);
  expect(reports).toMatchObject([
    { count: 0, last: 100, problem: 'the shop is down' },
    { count: 5, last: 105 },
  ]);
});

test('imports once when the machine was off for some nights', async () => {
  const store = memoryStore();
  const evening = createTestEngine({ store, startTime: new Date('2030-05-01T20:00Z'), autoAdvance: false });
  await evening.start(nightlyImport, [DAY_MS, 0], RUN).recorded();
  await evening.close();

  await using engine = createTestEngine({ store, startTime: new Date('2030-05-04T20:00Z') });
  const reports = collect(engine, '2030-05-05T02:00Z');
  await engine.run(nightlyImport, [DAY_MS, 0], RUN);
  expect(reports.map(({ at }) => at)).toEqual([new Date('2030-05-04T20:00Z'), new Date('2030-05-05T02:00Z')]);
});

test('leaves no order out wherever the process crashes', async () => {
  const reports: Report[] = [];
  await crashEverywhere(nightlyImport, [DAY_MS, 0], {
    reset: () => void reports.splice(0),
    setup: (engine) => void collect(engine, '2025-01-03T02:00Z', reports),
    invariant: () => expect(new Set(reports.map(({ last }) => last))).toEqual(new Set([10, 23, 35])),
  });
});
