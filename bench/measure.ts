import { createHistogram, performance } from 'node:perf_hooks';

/** One line of the table. */
export interface Figure {
  readonly workload: string;
  readonly subject: string;
  /** Of `unit`. */
  readonly value: number;
  readonly unit: string;
  /** More figures of the same measurement, as `name value`. */
  readonly notes?: string;
}

/** Milliseconds that a piece of work takes. */
export async function timeMs(work: () => Promise<unknown> | unknown): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** The middle of an odd number of measurements. */
export async function medianOf(runs: number, measure: () => Promise<number>): Promise<number> {
  const figures: number[] = [];
  for (let run = 0; run < runs; run += 1) figures.push(await measure());
  return figures.sort((a, b) => a - b)[Math.floor(runs / 2)] as number;
}

/** p50 and p99 of latencies in milliseconds. */
export function percentiles(latenciesMs: readonly number[]): { p50: number; p99: number } {
  const histogram = createHistogram();
  for (const latencyMs of latenciesMs) histogram.record(Math.max(1, Math.round(latencyMs * 1_000)));
  return { p50: histogram.percentile(50) / 1_000, p99: histogram.percentile(99) / 1_000 };
}

export function printTable(figures: readonly Figure[]): void {
  const rows = figures.map(({ workload, subject, value, unit, notes }) => [
    workload,
    subject,
    `${value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)} ${unit}`,
    notes ?? '',
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  for (const row of rows) {
    const [workload, subject, value, notes] = row as [string, string, string, string];
    console.log(
      `${workload.padEnd(widths[0] as number)}  ${subject.padEnd(widths[1] as number)}  ${value.padStart(widths[2] as number)}  ${notes}`,
    );
  }
}
