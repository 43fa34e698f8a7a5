import { inspect } from 'node:util';
import { action, event, flow, map, sleep } from 'perdure';
import { expect, test } from 'vitest';
import { createTestEngine } from '../../src/testing.js';
import { inFlow, openEngine, unique } from '../api/with-engine.js';

const charge = action(unique('charge'), async (cents: number) => {
  if (cents < 0) throw new RangeError('negative');
  return cents;
});

test('a future shows its kind, name, id and status, before and after', async () => {
  const shown = await inFlow(
    async () => {
      const future = charge.with({ name: 'charge' }).start(1);
      const failing = charge.start(-1);
      const waiting = event('paid');
      const before = [inspect(future), inspect(waiting), inspect({ futures: [future] })];
      await future;
      await failing.exception();
      waiting.cancel();
      const after = [inspect(future), inspect(failing), inspect(waiting), inspect(map.start([], charge)).replace(/map ".*"/, 'map')];
      return { before, after };
    },
    { leaks: 'ignore' },
  );
  expect(shown.before).toEqual([
    'DurableFuture { action "charge" (0) STARTED }',
    'DurableFuture { event "paid" (2) STARTED }',
    '{ futures: [ DurableFuture { action "charge" (0) STARTED } ] }',
  ]);
  expect(shown.after).toEqual([
    'DurableFuture { action "charge" (0) SUCCEEDED }',
    `DurableFuture { action "${charge.name}" (1) FAILED }`,
    'DurableFuture { event "paid" (2) CANCELLED }',
    'DurableFuture { map (3) STARTED }',
  ]);
});

test('the future of a run shows its flow and id, outside of flows', async () => {
  const { engine } = await openEngine();
  const named = flow(unique('named'), async () => 1);
  const future = engine.start(named, [], { id: 'run-1' });
  expect(inspect(future)).toBe(`DurableFuture { flow "${named.name}" (run-1) STARTED }`);
  await future;
  expect(inspect(future)).toBe(`DurableFuture { flow "${named.name}" (run-1) SUCCEEDED }`);
});

test('who looks at a future takes no delivery of it, and waits for nothing', async () => {
  await using engine = createTestEngine();
  const { error } = await engine.run(
    flow(unique('looking'), async () => {
      const [future, timer] = [charge.start(1), sleep.start(1)];
      inspect(future);
      inspect(timer);
      await sleep(5);
      inspect(future);
      inspect(timer);
    }),
  );
  expect(error).toMatchObject({ name: 'LeakedFuturesError' });
  expect(() => engine.assertNoLeaks()).toThrow(/action "charge-\d+" \(UNOBSERVED\), timer "sleep" \(UNOBSERVED\)/);
});
