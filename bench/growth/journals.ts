import { type Figure, timeMs } from '../measure.js';
import type { Setting } from '../section.js';
import { fanOut, stepByStep } from '../workloads.js';
import { type Curve, curveFigures } from './curve.js';
import { decades, LARGEST, STEADY, samplesWithin } from './scales.js';

/** How many operations at the end of a journal are looked at on their own. */
const LAST = 2_000;
const BUDGETS = { full: 30_000, quick: 10_000, tiny: 100 };

/** One run that awaits ever more operations in sequence. */
export function journalsInSequence(setting: Setting): AsyncGenerator<Figure> {
  const sample: Curve['sample'] = async (count) => {
    const latencies = await stepByStep(count);
    const costUs = meanUs(latencies);
    return count > LAST ? { costUs, lastUs: meanUs(latencies.slice(-LAST)) } : { costUs };
  };
  return curveFigures({ ...shapeOf(setting), name: 'journal in sequence', sample, lastText: `the last ${text(LAST)}` }, setting);
}

/** One run that starts ever more operations at once. */
export function journalsFannedOut(setting: Setting): AsyncGenerator<Figure> {
  const sample: Curve['sample'] = async (count) => ({ costUs: ((await timeMs(() => fanOut(count))) * 1_000) / count });
  return curveFigures({ ...shapeOf(setting), name: 'journal as a fan-out', sample }, setting);
}

function shapeOf({ size }: Setting): Omit<Curve, 'name' | 'sample'> {
  return {
    scales: decades(10, LARGEST[size]),
    scaleText: (count) => `${text(count)} operations`,
    steadyAt: STEADY[size],
    unit: 'µs an operation',
    samples: (count) => samplesWithin(BUDGETS[size], count),
  };
}

function meanUs(latenciesMs: readonly number[]): number {
  return (latenciesMs.reduce((sum, each) => sum + each, 0) * 1_000) / latenciesMs.length;
}

function text(count: number): string {
  return count.toLocaleString('en');
}
