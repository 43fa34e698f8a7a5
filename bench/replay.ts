import { action, flow, open } from 'perdure';
import type { Figure } from './measure.js';
import { type Setting, SQLITE, scaled } from './section.js';

const step = action('replay-step', async (n: number) => n);
let parked: (() => void) | undefined;
let resume: Promise<unknown> = Promise.resolve();
const park = action('replay-park', async () => {
  parked?.();
  await resume;
});
const main = flow('replay-main', async (count: number) => {
  let sum = 0;
  for (let n = 0; n < count; n += 1) sum += await step(n);
  await park();
  return sum;
});

/** Replaying a sequence of recorded outcomes, from `open()` until the flow goes on. */
export async function* replay(setting: Setting): AsyncGenerator<Figure> {
  const count = scaled(10_000, setting);
  const store = SQLITE.store(setting);
  let release = (): void => {};
  resume = new Promise<void>((resolve) => {
    release = resolve;
  });
  const first = await open({ store });
  const reached = new Promise<void>((resolve) => {
    parked = resolve;
  });
  void main.with({ id: 'replay' }).start(count);
  await reached;
  await first.close({ timeout: 0 });

  const goesOn = new Promise<void>((resolve) => {
    parked = resolve;
  });
  const begin = performance.now();
  const second = await open({ store });
  await goesOn;
  const elapsedMs = performance.now() - begin;
  release();
  await second.close();
  yield { workload: `replay of ${count} outcomes`, subject: SQLITE.name, value: elapsedMs, unit: 'ms' };
}
