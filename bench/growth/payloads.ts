import { action, flow } from 'perdure';
import { type Figure, timeMs } from '../measure.js';
import type { Setting, Size } from '../section.js';
import { curveFigures } from './curve.js';
import { decades } from './scales.js';

const SMALLEST_BYTES = 10;
const LARGEST_BYTES: Record<Size, number> = { full: 1_000_000, quick: 1_000_000, tiny: 1_000 };
/** Bytes that one sample moves, if that takes between 20 and 1,000 actions. */
const SAMPLE_BYTES: Record<Size, number> = { full: 10_000_000, quick: 5_000_000, tiny: 1 };

const SAMPLES: Record<Size, number> = { full: 6, quick: 3, tiny: 3 };

const echo = action('bench-echo', async (text: string) => text);

const exchange = flow('bench-exchange', async (bytes: number, count: number) => {
  const text = 'x'.repeat(bytes);
  for (let n = 0; n < count; n += 1) await echo(text);
});

/** Actions in sequence whose argument and result are ever longer strings. */
export function payloads(setting: Setting): AsyncGenerator<Figure> {
  const { size } = setting;
  const countOf = (bytes: number): number => Math.min(1_000, Math.max(20, Math.floor(SAMPLE_BYTES[size] / bytes)));
  return curveFigures(
    {
      name: 'payloads',
      scales: decades(SMALLEST_BYTES, LARGEST_BYTES[size]),
      scaleText: byteText,
      steadyAt: SMALLEST_BYTES,
      unit: 'µs an action',
      samples: () => SAMPLES[size],
      sample: async (bytes) => {
        const count = countOf(bytes);
        return { costUs: ((await timeMs(() => exchange(bytes, count))) * 1_000) / count };
      },
      // Bytes in a microsecond are megabytes in a second.
      notes: (bytes, costUs) => `${((bytes * 2) / costUs).toPrecision(3)} MB/s, argument and result together`,
    },
    setting,
  );
}

function byteText(bytes: number): string {
  if (bytes >= 1_000_000) return `${bytes / 1_000_000} MB`;
  return bytes >= 1_000 ? `${bytes / 1_000} kB` : `${bytes} B`;
}
