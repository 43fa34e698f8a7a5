import { action, event, flow, map, memoryStore, now, parallel, wait } from 'perdure';
import { crashEverywhere } from 'perdure/testing';
import { expect, test } from 'vitest';
import { openEngine, unique } from '../api/with-engine.js';

const MANY = 1_000;
const items = Array.from({ length: MANY }, (_, index) => index);
const echo = action(unique('echo'), async (value: number) => value);

test('another run goes on while the branches of a large batch begin (BA1)', async () => {
  const { engine } = await openEngine({});
  let begun = 0;
  const large = flow(unique('large'), async () => {
    const { successCount } = await map(items, async (item) => {
      begun += 1;
      return echo(item);
    });
    return successCount;
  });
  let begunThen: number | undefined;
  const small = flow(unique('small'), async () => {
    begunThen = begun;
  });
  const count = engine.start(large, []);
  await engine.start(small, []);
  expect(await count).toBe(MANY);
  expect(begunThen).toBeLessThan(MANY);
});

test('nothing is delivered to a run before all branches of its batch have begun that may run (BA1)', async () => {
  const { engine } = await openEngine({});
  let [begun, atFirst] = [0, -1];
  const main = flow(unique('main'), async () => {
    const other = echo
      .start(0)
      .result()
      .then(() => {
        atFirst = begun;
      });
    const result = await map(items, async (item) => {
      begun += 1;
      const time = now();
      await echo(item);
      return time;
    });
    await other;
    return new Set(result.getResults()).size;
  });
  // No time passes between the beginnings.
  expect(await engine.start(main, [])).toBe(1);
  expect(atFirst).toBe(MANY);
});

test('a large batch that is cancelled in the turn of its start begins no more branches', async () => {
  const { engine } = await openEngine({ leaks: 'ignore' });
  let begun = 0;
  const main = flow(unique('main'), async () => {
    const batch = map.start(items, async (item) => {
      begun += 1;
      return echo(item);
    });
    batch.cancel();
    await echo(1);
    return batch.status;
  });
  expect(await engine.start(main, [])).toBe('CANCELLED');
  expect(begun).toBeLessThan(MANY);
});

test('a large batch within a large batch comes to its end', async () => {
  const { engine } = await openEngine({});
  const main = flow(unique('main'), async () => {
    const result = await parallel([async () => (await map(items, echo)).successCount, async () => (await map(items, echo)).successCount]);
    return result.getResults();
  });
  expect(await engine.start(main, [])).toEqual([MANY, MANY]);
});

test('messages go to the events of a large batch in the order of its branches', async () => {
  const { engine } = await openEngine({ store: memoryStore() });
  const main = flow(unique('main'), async () => (await map(items, async () => event<number>('m'))).getResults());
  const future = engine.start(main, []);
  await future.recorded();
  for (const item of items) await engine.send(future.id, 'm', item);
  expect(await future).toEqual(items);
});

test('a crash at any commit of a large batch changes nothing', { timeout: 60_000 }, async () => {
  const main = flow(unique('main'), async () => {
    const first = echo.start(-1);
    const batch = map.start(items.slice(0, 600), async (item) => (await echo(item)) + (await echo(item)));
    await wait([first]);
    return (await batch).getResults().reduce((sum, value) => sum + value, 0);
  });
  const { commits } = await crashEverywhere(main, []);
  expect(commits).toBeGreaterThan(2);
});
