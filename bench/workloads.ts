import { action, type Engine, flow, open, wait } from 'perdure';
import { type Figure, percentiles, timeMs } from './measure.js';

const step = action('bench-step', async (n: number) => n);

const sequence = flow('bench-sequence', async (count: number) => {
  const latencies: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const begin = performance.now();
    await step(n);
    latencies.push(performance.now() - begin);
  }
  return latencies;
});

const fanOut = flow('bench-fan-out', async (count: number) => {
  const futures = Array.from({ length: count }, (_, n) => step.start(n));
  const { done } = await wait(futures);
  return done.size;
});

const threeSteps = flow('bench-three-steps', async (n: number) => {
  await step(n);
  await step(n);
  return step(n);
});

const oneStep = flow('bench-one-step', async (n: number) => step(n));

/** Opens an engine for one measurement. */
export async function withEngine<T>(store: string, work: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await open({ store });
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

/** W1: one flow awaits trivial actions in sequence. */
export async function sequential(subject: string, store: string, count: number): Promise<Figure> {
  return withEngine(store, async () => {
    await sequence(Math.ceil(count / 10));
    let latencies: number[] = [];
    const elapsedMs = await timeMs(async () => {
      latencies = await sequence(count);
    });
    const { p50, p99 } = percentiles(latencies);
    return {
      workload: `W1 ${count} actions in sequence`,
      subject,
      value: (count / elapsedMs) * 1_000,
      unit: 'actions/s',
      notes: `p50 ${p50.toFixed(3)} ms, p99 ${p99.toFixed(3)} ms`,
    };
  });
}

/** W2: one flow starts trivial actions at once and joins them. */
export async function fannedOut(subject: string, store: string, count: number): Promise<Figure> {
  return withEngine(store, async () => {
    await fanOut(Math.ceil(count / 10));
    const elapsedMs = await timeMs(() => fanOut(count));
    return { workload: `W2 ${count} actions at once`, subject, value: (count / elapsedMs) * 1_000, unit: 'actions/s' };
  });
}

/** W3: flows of three sequential actions, launched at once. */
export async function manyFlows(subject: string, store: string, count: number): Promise<Figure> {
  return withEngine(store, async () => {
    await Promise.all(Array.from({ length: Math.ceil(count / 10) }, (_, n) => threeSteps(n)));
    const elapsedMs = await timeMs(() => Promise.all(Array.from({ length: count }, (_, n) => threeSteps(n))));
    return { workload: `W3 ${count} flows of 3 actions`, subject, value: (count / elapsedMs) * 1_000, unit: 'flows/s' };
  });
}

/** W4: start-to-result latency of a one-action flow on an idle engine. */
export async function idleLatency(subject: string, store: string, count: number): Promise<Figure> {
  return withEngine(store, async () => {
    const latencies: number[] = [];
    for (let n = 0; n < count; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      latencies.push(await timeMs(() => oneStep(n)));
    }
    const { p50, p99 } = percentiles(latencies.slice(Math.floor(count / 10)));
    return { workload: `W4 latency of a one-action flow`, subject, value: p50, unit: 'ms', notes: `p99 ${p99.toFixed(3)} ms` };
  });
}
