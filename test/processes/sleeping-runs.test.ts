import { expect, test } from 'vitest';
import { EngineProcess, Place } from './process.js';

/** A process that keeps one run in memory: the others leave. */
const FORGETFUL = { maxResidentRuns: 1 };
/** What is due sooner than five seconds from now does not leave memory. */
const FAR_MS = 7_000;

/** Waits until these runs have left memory, as another process sees it. */
async function asleep(process: EngineProcess, ...runIds: string[]): Promise<void> {
  for (const runId of runIds) {
    while (((await process.ask('get', { runId })) as { status: string }).status !== 'SUSPENDED');
  }
}

test('a run that sleeps is woken by messages of another process', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, FORGETFUL, { flows: [] });
  for (const runId of ['one', 'two', 'last']) await a.ask('start', { flow: 'waiting', args: [2], runId });
  await asleep(b, 'one', 'two');
  for (const n of [1, 2]) await b.ask('send', { runId: 'two', args: ['n', n] });
  expect(await a.ask('result', { runId: 'two' })).toEqual([1, 2]);
  expect(a.said({ event: 'started', runId: 'two', recovered: true })).toBe(true);
  expect(await b.ask('get', { runId: 'one' })).toMatchObject({ status: 'SUSPENDED' });
  await b.ask('cancel', { runId: 'one' });
  await expect(a.ask('result', { runId: 'one' })).rejects.toMatchObject({ name: 'CancelledError' });
  expect([...place.calls().values()]).toEqual([1, 1, 1]);
  await place.history();
});

test('a run that sleeps goes on in another process when it is woken there', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, FORGETFUL);
  // As many as may stay do: the last.
  for (const runId of ['one', 'two', 'last']) await a.ask('start', { flow: 'waiting', args: [1], runId });
  await asleep(b, 'one', 'two');
  await a.stop(place);
  await b.ask('send', { runId: 'one', args: ['n', 'up'] });
  await b.heard({ event: 'finished', runId: 'one', status: 'SUCCEEDED' });
  a.resume();
  expect(await a.ask('result', { runId: 'one' })).toEqual(['up']);
  expect(a.said({ event: 'started', runId: 'one', recovered: true })).toBe(false);
  await place.history();
});

test('runs that sleep are woken by their timers when the process is killed that had them, by one that was there and one that comes later', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, FORGETFUL, FORGETFUL);
  for (const runId of ['one', 'two']) await a.ask('start', { flow: 'dozing', args: [FAR_MS], runId });
  await a.ask('start', { flow: 'waiting', args: [1], runId: 'last' });
  await asleep(b, 'one', 'two');
  await a.kill();
  const startedAt = performance.now();
  const late = await EngineProcess.open(place, FORGETFUL);
  for (const runId of ['one', 'two']) {
    expect([`after in ${b.pid}`, `after in ${late.pid}`]).toContain(await late.ask('result', { runId }));
  }
  expect(performance.now() - startedAt).toBeLessThan(FAR_MS + 5_000);
  const calls = [...place.calls()].filter(([call]) => !call.includes('last'));
  expect(calls.map(([, times]) => times)).toEqual(Array(4).fill(1));
  await place.history();
}, 30_000);

test('a run whose timer is due while no process runs goes on when one opens', async () => {
  const place = new Place();
  const a = await EngineProcess.open(place, FORGETFUL);
  for (const runId of ['one', 'two']) await a.ask('start', { flow: 'dozing', args: [FAR_MS], runId });
  await asleep(a, 'one');
  await a.ask('close');
  expect(await a.exit()).toBe(0);
  const b = await EngineProcess.open(place);
  expect(await b.ask('result', { runId: 'one' })).toBe(`after in ${b.pid}`);
  expect(await b.ask('result', { runId: 'two' })).toBe(`after in ${b.pid}`);
  await place.history();
}, 30_000);

test('a parent that sleeps in one process wakes when its child ends in another', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, FORGETFUL, { flows: ['waiting'] });
  await a.ask('start', { flow: 'waiting parent', args: [1], runId: 'parent' });
  await a.heard({ action: 'asked', runId: 'parent//0' });
  // While its child is in memory, a parent is as well.
  await asleep(b, 'parent//0');
  await a.ask('start', { flow: 'waiting', args: [1], runId: 'other' });
  await asleep(b, 'parent');
  const pending = a.ask('result', { runId: 'parent' });
  await a.stop(place);
  await b.ask('send', { runId: 'parent//0', args: ['n', 'far away'] });
  await b.heard({ event: 'finished', runId: 'parent//0' });
  a.resume();
  expect(await pending).toEqual([['far away'], `heard in ${a.pid}`]);
  expect(a.said({ event: 'started', runId: 'parent//0', recovered: true })).toBe(false);
  await place.history();
});

test('a process that has put its runs to sleep can end when nothing is left to do', async () => {
  const place = new Place();
  const a = await EngineProcess.open(place, FORGETFUL);
  // As many as may stay do: the last.
  for (const runId of ['one', 'two', 'last']) await a.ask('start', { flow: 'waiting', args: [1], runId });
  await asleep(a, 'one', 'two');
  expect(await a.exit()).toBe(0);
});
