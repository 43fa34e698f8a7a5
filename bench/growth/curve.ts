import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Figure, medianBy } from '../measure.js';
import { type Setting, SUBJECTS, type Subject } from '../section.js';
import { withEngine } from '../workloads.js';

/** What one thing cost, in microseconds. */
export interface Sample {
  readonly costUs: number;
  /** What it cost near the end, where that can differ. */
  readonly lastUs?: number;
}

/** A workload at several scales. */
export interface Curve {
  /** As in `journal in sequence`. */
  readonly name: string;
  readonly scales: readonly number[];
  /** As in `10,000 operations`. */
  readonly scaleText: (scale: number) => string;
  /** The scale at which fixed costs are spread thin, so that the others are compared with it. */
  readonly steadyAt: number;
  /** Of one sample, as in `µs an operation`. */
  readonly unit: string;
  /** Samples that are taken at a scale, of which the median counts. */
  readonly samples: (scale: number) => number;
  /** Takes a sample on the engine that is open. */
  readonly sample: (scale: number) => Promise<Sample>;
  /** What `lastUs` is about, as in `the last 2,000`. */
  readonly lastText?: string;
  /** More to say of a cost. */
  readonly notes?: (scale: number, costUs: number) => string;
}

/** Samples at one scale are taken in so many turns with the other scales, each on a new store. */
const TURNS = 3;

/** Measures a workload on every store. A ratio near 1 at all scales means that the cost does not grow. */
export async function* curveFigures(curve: Curve, setting: Setting): AsyncGenerator<Figure> {
  for (const subject of SUBJECTS) {
    const samples = await takeSamples(curve, subject, setting);
    const steadyUs = medianCost(samples.get(curve.steadyAt) ?? []);
    for (const [scale, each] of samples) yield* scaleFigures(curve, subject, scale, each, steadyUs);
  }
}

async function takeSamples(curve: Curve, subject: Subject, setting: Setting): Promise<Map<number, Sample[]>> {
  const samples = new Map(curve.scales.map((scale): [number, Sample[]] => [scale, []]));
  for (let turn = 0; turn < TURNS; turn += 1) {
    for (const [scale, taken] of samples) {
      const wanted = Math.ceil((curve.samples(scale) * (turn + 1)) / TURNS);
      if (taken.length >= wanted) continue;
      collectGarbage();
      await withEngine(subject, setting, async () => {
        // Collecting garbage throws away compiled code as well.
        await curve.sample(curve.steadyAt);
        while (taken.length < wanted) taken.push(await curve.sample(scale));
      });
    }
  }
  return samples;
}

function* scaleFigures(curve: Curve, subject: Subject, scale: number, samples: readonly Sample[], steadyUs: number): Generator<Figure> {
  const costUs = medianCost(samples);
  const figure = (what: string, value: number): Figure => ({
    workload: `growth, ${curve.name}: ${what}`,
    subject: subject.name,
    value,
    unit: curve.unit,
    ratio: { value: value / steadyUs, to: curve.scaleText(curve.steadyAt) },
  });
  const notes = curve.notes?.(scale, costUs);
  yield { ...figure(curve.scaleText(scale), costUs), ...(notes !== undefined && { notes }) };
  const last = samples.flatMap(({ lastUs }) => lastUs ?? []);
  if (last.length === 0) return;
  yield figure(
    `${curve.scaleText(scale)}, ${curve.lastText}`,
    medianBy(last, (us) => us),
  );
}

function medianCost(samples: readonly Sample[]): number {
  return medianBy(samples, ({ costUs }) => costUs).costUs;
}

/** So that a scale does not pay for what the one before it left. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
