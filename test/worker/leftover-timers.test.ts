import { sleep } from 'perdure';
import type { Store } from 'perdure/store';
import { expect, onTestFinished, test } from 'vitest';
import type { Clock } from '../../src/clock/clock.js';
import { systemClock } from '../../src/clock/system-clock.js';
import { Engine } from '../../src/engine/engine.js';
import { StorageError } from '../../src/errors/errors.js';
import { memoryStore } from '../../src/store/memory-store.js';
import { withCommit } from '../../src/testing/wrapped-store.js';
import { deferred, nextEvent, settle } from '../api/with-engine.js';
import { aFlow } from '../testing/with-test-engine.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const sleeper = aFlow(async () => sleep('10d'));

/** The clock of the machine, with the delays of the timers that are set. */
class WatchedClock implements Clock {
  readonly timers = new Set<{ readonly delayMs: number }>();

  now(): number {
    return systemClock.now();
  }

  setTimer(delayMs: number, callback: () => void, options?: { background?: boolean }): () => void {
    const timer = { delayMs };
    this.timers.add(timer);
    const callOff = systemClock.setTimer(
      delayMs,
      () => {
        this.timers.delete(timer);
        callback();
      },
      options,
    );
    const off = (): void => {
      this.timers.delete(timer);
      callOff();
    };
    onTestFinished(off);
    return off;
  }

  macrotask(callback: () => void): void {
    systemClock.macrotask(callback);
  }
}

async function openOn(store: Store): Promise<{ engine: Engine; clock: WatchedClock }> {
  const clock = new WatchedClock();
  const engine = new Engine({ store, maxResidentRuns: 1, logger: SILENT, default: false }, { clock });
  onTestFinished(() => engine.close({ timeout: 0 }));
  await engine.open();
  return { engine, clock };
}

/** A store that says when it is to write suspensions, and writes them when it may. */
function holding(): { store: Store; reached: Promise<void>; may: () => void } {
  const [reached, may] = [deferred(), deferred()];
  const store = withCommit(memoryStore(), async (batch, commit) => {
    if (batch.suspends.length > 0) {
      reached.resolve();
      await may.promise;
    }
    return commit(batch);
  });
  return { store, reached: reached.promise, may: may.resolve };
}

test('an engine that is closed leaves no timer behind for the runs it has put to sleep', async () => {
  const { store, reached, may } = holding();
  const { engine, clock } = await openOn(store);
  for (const id of ['a', 'b']) engine.start(sleeper, [], { id });
  await reached;
  may();
  await settle();
  expect([...clock.timers].some(({ delayMs }) => delayMs > 60_000)).toBe(true);
  await engine.close({ timeout: 0 });
  expect([...clock.timers]).toEqual([]);
});

test('an engine that is closed while it puts runs to sleep leaves no timer behind (WU3)', async () => {
  const { store, reached, may } = holding();
  const { engine, clock } = await openOn(store);
  for (const id of ['a', 'b']) engine.start(sleeper, [], { id });
  await reached;
  const closed = engine.close({ timeout: 0 });
  await settle();
  may();
  await closed;
  await settle();
  expect([...clock.timers]).toEqual([]);
});

test('an engine that has lost its store leaves no timer behind for the runs it has put to sleep', async () => {
  let lost = false;
  const store = withCommit(memoryStore(), async (batch, commit) => {
    if (lost) throw new StorageError('STORE_FAILED', 'the disk is gone');
    return commit(batch);
  });
  const { engine, clock } = await openOn(store);
  const futures = ['a', 'b'].map((id) => engine.start(sleeper, [], { id }));
  await futures[1]?.recorded();
  expect([...clock.timers].some(({ delayMs }) => delayMs > 60_000)).toBe(true);
  lost = true;
  const failed = nextEvent(engine, 'engine:failed');
  engine.start(sleeper, []);
  await failed;
  await settle();
  expect([...clock.timers]).toEqual([]);
});
