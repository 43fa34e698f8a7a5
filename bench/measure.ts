import { createHistogram, performance } from 'node:perf_hooks';

/** One line of the table. */
export interface Figure {
  readonly workload: string;
  readonly subject: string;
  /** Of `unit`. */
  readonly value: number;
  readonly unit: string;
  readonly ratio?: Ratio;
  /** More figures of the same measurement, as `name value`. */
  readonly notes?: string;
}

/** What a figure is as a multiple of another. Of rates, less is slower; of times, less is faster. */
export interface Ratio {
  readonly value: number;
  /** What stands for 1. */
  readonly to: string;
  /** The ratio of each round, when there were several; `value` is their median. */
  readonly rounds?: readonly number[];
}

/** Milliseconds that a piece of work takes. */
export async function timeMs(work: () => Promise<unknown> | unknown): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** Long enough for an engine, or a connection, to have nothing to do. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2));
}

/** A rate: `count` things in so many milliseconds, per second. */
export function perSecond(count: number, elapsedMs: number): number {
  return (count / elapsedMs) * 1_000;
}

/** The middle one by what `by` gives; of an even number, the lower of the two. */
export function medianBy<T>(items: readonly T[], by: (item: T) => number): T {
  return [...items].sort((a, b) => by(a) - by(b))[Math.floor((items.length - 1) / 2)] as T;
}

/** p50 and p99 of latencies in milliseconds. */
export function percentiles(latenciesMs: readonly number[]): { p50: number; p99: number } {
  const histogram = createHistogram();
  for (const latencyMs of latenciesMs) histogram.record(Math.max(1, Math.round(latencyMs * 1_000)));
  return { p50: histogram.percentile(50) / 1_000, p99: histogram.percentile(99) / 1_000 };
}
