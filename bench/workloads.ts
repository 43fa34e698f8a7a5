import { action, type Engine, flow, open, wait } from 'perdure';
import { type Figure, pause, percentiles, perSecond, timeMs } from './measure.js';
import type { Setting, Subject } from './section.js';

const step = action('bench-step', async (n: number) => n);

/** Of the sequence that runs. Not its result: that would be stored. */
let latencies: number[] = [];

const sequence = flow('bench-sequence', async (count: number) => {
  for (let n = 0; n < count; n += 1) {
    const begin = performance.now();
    await step(n);
    latencies.push(performance.now() - begin);
  }
});

/** One flow that starts so many trivial actions at once and joins them. */
export const fanOut = flow('bench-fan-out', async (count: number): Promise<void> => {
  await wait(Array.from({ length: count }, (_, n) => step.start(n)));
});

const threeSteps = flow('bench-three-steps', async (n: number) => {
  await step(n);
  await step(n);
  return step(n);
});

const oneStep = flow('bench-one-step', async (n: number) => step(n));

/** Has one flow await so many trivial actions in sequence; the milliseconds of each. */
export async function stepByStep(count: number): Promise<readonly number[]> {
  latencies = [];
  await sequence(count);
  return latencies;
}

/** Launches so many flows of three sequential actions at once and joins them. */
export async function launch(count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, n) => threeSteps(n)));
}

/** Opens an engine for one measurement. */
export async function withEngine<T>(subject: Subject, setting: Setting, work: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await open({ store: subject.store(setting) });
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

/** W1: one flow awaits trivial actions in sequence. */
export async function sequential(subject: Subject, setting: Setting, count: number): Promise<Figure> {
  return withEngine(subject, setting, async () => {
    await stepByStep(Math.ceil(count / 10));
    let each: readonly number[] = [];
    const elapsedMs = await timeMs(async () => {
      each = await stepByStep(count);
    });
    const { p50, p99 } = percentiles(each);
    return {
      workload: `W1 ${count} actions in sequence`,
      subject: subject.name,
      value: perSecond(count, elapsedMs),
      unit: 'actions/s',
      notes: `p50 ${p50.toFixed(3)} ms, p99 ${p99.toFixed(3)} ms`,
    };
  });
}

/** W2: one flow starts trivial actions at once and joins them. */
export async function fannedOut(subject: Subject, setting: Setting, count: number): Promise<Figure> {
  return withEngine(subject, setting, async () => {
    await fanOut(Math.ceil(count / 10));
    const elapsedMs = await timeMs(() => fanOut(count));
    return { workload: `W2 ${count} actions at once`, subject: subject.name, value: perSecond(count, elapsedMs), unit: 'actions/s' };
  });
}

/** W3: flows of three sequential actions, launched at once. */
export async function manyFlows(subject: Subject, setting: Setting, count: number): Promise<Figure> {
  return withEngine(subject, setting, async () => {
    await launch(Math.ceil(count / 10));
    const elapsedMs = await timeMs(() => launch(count));
    return { workload: `W3 ${count} flows of 3 actions`, subject: subject.name, value: perSecond(count, elapsedMs), unit: 'flows/s' };
  });
}

/** W4: start-to-result latencies, in milliseconds, of a one-action flow on an idle engine. */
export async function idleLatencies(subject: Subject, setting: Setting, count: number): Promise<{ p50: number; p99: number }> {
  return withEngine(subject, setting, async () => {
    const each: number[] = [];
    for (let n = 0; n < count; n += 1) {
      await pause();
      each.push(await timeMs(() => oneStep(n)));
    }
    return percentiles(each.slice(Math.floor(count / 10)));
  });
}
