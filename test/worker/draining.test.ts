import { action, memoryStore } from 'perdure';
import { expect, onTestFinished, test } from 'vitest';
import { VirtualClock } from '../../src/clock/virtual-clock.js';
import { Engine } from '../../src/engine/engine.js';
import { deferred, unique } from '../api/with-engine.js';
import { aFlow } from '../testing/with-test-engine.js';

const LEASE_MS = 30_000;
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

test('an engine that closes for longer than its lease is not taken for dead, and records what it waits for', async () => {
  const clock = new VirtualClock({ startMs: 0, auto: false, busy: () => false, patienceMs: 50, onImpatience: () => {} });
  const store = memoryStore();
  const opened = async (): Promise<Engine> => {
    const engine = new Engine({ store, leaseMs: LEASE_MS, logger: SILENT, default: false }, { clock });
    onTestFinished(() => engine.close({ timeout: 0 }));
    await engine.open();
    return engine;
  };
  const [begun, end] = [deferred(), deferred()];
  let bodies = 0;
  const long = action(unique('long'), async () => {
    bodies += 1;
    begun.resolve();
    await end.promise;
    return 'done';
  });
  const closing = await opened();
  closing
    .start(
      aFlow(async () => long()),
      [],
      { id: 'run' },
    )
    .exception()
    .catch(() => {});
  await clock.advance(0);
  await begun.promise;
  const other = await opened();
  const closed = closing.close({ timeout: '10m' });
  for (let seconds = 0; seconds < (3 * LEASE_MS) / 1_000; seconds += 1) {
    clock.setTimer(1_000, () => {});
    await clock.advance(1_000);
  }
  end.resolve();
  await clock.advance(0);
  await closed;
  const future = other.future('run');
  clock.setTimer(5_000, () => {});
  await clock.advance(5_000);
  expect(await future).toBe('done');
  expect(bodies).toBe(1);
});
