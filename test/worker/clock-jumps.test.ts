import { action, continueAsNew, memoryStore, now, sleep } from 'perdure';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Clock } from '../../src/clock/clock.js';
import { VirtualClock } from '../../src/clock/virtual-clock.js';
import { Engine } from '../../src/engine/engine.js';
import { unique } from '../api/with-engine.js';
import { aFlow } from '../testing/with-test-engine.js';
import { HOUR_MS, STORES } from './sleeping.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A machine whose clock is put forward or back while its timers run on, as they do. */
class JumpingClock implements Clock {
  readonly #time = new VirtualClock({ startMs: 0, auto: false, busy: () => false, patienceMs: 50, onImpatience: () => {} });
  #aheadMs = Date.UTC(2025, 0, 1);

  now(): number {
    return this.#time.now() + this.#aheadMs;
  }

  setTimer(delayMs: number, callback: () => void, options?: { background?: boolean }): () => void {
    return this.#time.setTimer(delayMs, callback, options);
  }

  macrotask(callback: () => void): void {
    this.#time.macrotask(callback);
  }

  jump(byMs: number): void {
    this.#aheadMs += byMs;
  }

  advance(byMs: number): Promise<void> {
    return this.#time.advance(byMs);
  }
}

describe.each(Object.entries(STORES))('over %s', (_, makeStore) => {
  /** Twenty runs, due every hour; they note when they wake by the clock, in hours since it began. */
  async function asleep(maxResidentRuns: number): Promise<{ clock: JumpingClock; engine: Engine; woken: (readonly [number, number])[] }> {
    const clock = new JumpingClock();
    const startMs = clock.now();
    const woken: (readonly [number, number])[] = [];
    const noting = action(unique('noting'), async (hours: number) => void woken.push([hours, (clock.now() - startMs) / HOUR_MS]));
    const timer = aFlow(async (hours: number) => {
      await sleep(hours * HOUR_MS);
      await noting(hours);
    });
    const leaseMs = Number.MAX_SAFE_INTEGER;
    const engine = new Engine({ store: makeStore(), maxResidentRuns, leaseMs, logger: SILENT, default: false }, { clock });
    onTestFinished(() => engine.close({ timeout: 0 }));
    await engine.open();
    for (let hours = 1; hours <= 20; hours += 1) engine.start(timer, [hours], { id: `${hours}` });
    await clock.advance(10_000);
    return { clock, engine, woken };
  }

  test.each([1, 100])('a clock that is put back wakes nobody too soon and forgets nobody, with %d runs in memory', async (most) => {
    const { clock, engine, woken } = await asleep(most);
    if (most === 1) expect((await listed(clock, engine)).filter((status) => status === 'SUSPENDED').length).toBeGreaterThan(18);
    await clock.advance(4.5 * HOUR_MS);
    expect(woken.map(([hours]) => hours)).toEqual([1, 2, 3, 4]);
    clock.jump(-3 * HOUR_MS);
    await clock.advance(3 * HOUR_MS);
    expect(woken).toHaveLength(4);
    await clock.advance(16 * HOUR_MS);
    expect(woken.map(([hours]) => hours)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    for (const [due, at] of woken) expect(at).toBeGreaterThanOrEqual(due);
    expect(new Set(await listed(clock, engine))).toEqual(new Set(['SUCCEEDED']));
  });

  test.each([1, 100])(
    'a clock that is put forward wakes those that sleep within seconds, in due order, with %d runs in memory',
    async (most) => {
      const { clock, engine, woken } = await asleep(most);
      clock.jump(10.5 * HOUR_MS);
      // Virtual time does not stop for the search for the dead alone, which finds them.
      clock.setTimer(2_000, () => {});
      await clock.advance(5_000);
      expect(woken.map(([hours]) => hours)).toEqual(Array.from({ length: 10 }, (_, n) => n + 1));
      await clock.advance(10 * HOUR_MS);
      expect(new Set(await listed(clock, engine))).toEqual(new Set(['SUCCEEDED']));
    },
  );

  test.each([-3, 10.5])('a clock that is put by %d hours lets no worker take another for dead, whatever their leases', async (hours) => {
    const clock = new JumpingClock();
    const store = makeStore();
    const fenced: string[] = [];
    const engines = [300_000, 1_000, 30_000].map((leaseMs) => new Engine({ store, leaseMs, logger: SILENT, default: false }, { clock }));
    for (const engine of engines) {
      onTestFinished(() => engine.close({ timeout: 0 }));
      engine.on('engine:fenced', ({ workerId }) => fenced.push(workerId));
      await engine.open();
      // Their checks do not come at the same moments.
      clock.setTimer(17, () => {});
      await clock.advance(17);
    }
    // Virtual time does not stop for periodic checks alone.
    for (let ms = 0; ms < 6_000; ms += 5) clock.setTimer(ms, () => {});
    await clock.advance(3_000);
    clock.jump(hours * HOUR_MS);
    await clock.advance(3_000);
    expect(fenced).toEqual([]);
  });

  async function listed(clock: JumpingClock, engine: Engine): Promise<string[]> {
    const listing = engine.list();
    await clock.advance(0);
    return (await listing).map(({ status }) => status);
  }
});

test('the time of a run that begins anew does not go back with the clock', async () => {
  const clock = new JumpingClock();
  const startMs = clock.now();
  const putBack = action(unique('put back'), async () => clock.jump(-HOUR_MS));
  const body = aFlow(async (before: number[]): Promise<number[]> => {
    const seen = [...before, now() - startMs];
    if (before.length > 0) return seen;
    await sleep(1_000);
    await putBack();
    return continueAsNew([...seen, now() - startMs]);
  });
  const engine = new Engine({ store: memoryStore(), leaseMs: Number.MAX_SAFE_INTEGER, logger: SILENT, default: false }, { clock });
  onTestFinished(() => engine.close({ timeout: 0 }));
  await engine.open();
  const future = engine.start(body, [[]]);
  await clock.advance(10_000);
  expect(await future).toEqual([0, 1_000, 1_000]);
});
