import { type Figure, timeMs } from '../measure.js';
import type { Setting } from '../section.js';
import { launch } from '../workloads.js';
import { curveFigures } from './curve.js';
import { decades, LARGEST, STEADY, samplesWithin } from './scales.js';

const BUDGETS = { full: 10_000, quick: 5_000, tiny: 100 };

/** Ever more flows of three actions, launched at once. */
export function concurrentRuns(setting: Setting): AsyncGenerator<Figure> {
  const { size } = setting;
  return curveFigures(
    {
      name: 'concurrent runs',
      scales: decades(1, LARGEST[size]),
      scaleText: (count) => `${count.toLocaleString('en')} ${count === 1 ? 'flow' : 'flows'}`,
      steadyAt: STEADY[size],
      unit: 'µs a flow',
      samples: (count) => samplesWithin(BUDGETS[size], count),
      sample: async (count) => ({ costUs: ((await timeMs(() => launch(count))) * 1_000) / count }),
    },
    setting,
  );
}
