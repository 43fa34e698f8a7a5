import { expect, test } from 'vitest';
import { EngineProcess, Place } from './process.js';

test('two processes that start the same ids at once get one run for each, and the same result', async () => {
  const place = new Place();
  const both = await EngineProcess.two(place);
  const ids = Array.from({ length: 25 }, (_, index) => `run-${index}`);
  const start = (child: EngineProcess, runId: string): Promise<unknown> => child.ask('start', { flow: 'quick', args: [runId], runId });
  await Promise.all(ids.flatMap((runId) => both.map((child) => start(child, runId))));
  for (const runId of ids) {
    const results = await Promise.all(both.map((child) => child.ask('result', { runId })));
    expect(results[0]).toMatch(/^run-\d+ in \d+$/);
    expect(results[1]).toBe(results[0]);
  }
  expect([...place.calls().values()]).toEqual(ids.map(() => 1));
  expect((await place.history()).runs.size).toBe(ids.length);
});

test.each([
  { other: 'other arguments', flow: 'gated', args: ['other'], says: /other arguments/ },
  { other: 'another flow', flow: 'quick', args: ['x'], says: /flow "gated"/ },
])('an id that another process has taken with $other is refused', async ({ flow, args, says }) => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place);
  await a.ask('start', { flow: 'gated', args: ['x'], runId: 'id' });
  await a.heard({ action: 'gate x' });
  await expect(b.ask('start', { flow, args, runId: 'id' })).rejects.toMatchObject({
    name: 'UsageError',
    code: 'RUN_ID_TAKEN',
    message: expect.stringMatching(says),
  });
  await a.ask('release');
  expect(await a.ask('result', { runId: 'id' })).toHaveLength(3);
});

test('a process waits for a run that another one executes, while it runs and when it has ended', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place);
  await a.ask('start', { flow: 'gated', args: ['x'], runId: 'id' });
  const elsewhere = b.ask('result', { runId: 'id' });
  await a.heard({ action: 'gate x' });
  await a.ask('release');
  const result = await a.ask('result', { runId: 'id' });
  expect(await elsewhere).toEqual(result);
  expect(await b.ask('result', { runId: 'id' })).toEqual(result);
  expect(result).toEqual([`before x in ${a.pid}`, `gate x in ${a.pid}`, `after x in ${a.pid}`]);
  await expect(b.ask('result', { runId: 'unknown' })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
});

test('a process cancels a run that another one executes', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place);
  await a.ask('start', { flow: 'parent', args: ['x'], runId: 'id' });
  await a.heard({ action: 'gate x' });
  expect(await b.ask('cancel', { runId: 'id' })).toBe(true);
  const cancelled = { name: 'CancelledError', message: expect.stringContaining('from elsewhere') };
  await expect(b.ask('result', { runId: 'id' })).rejects.toMatchObject(cancelled);
  await expect(a.ask('result', { runId: 'id' })).rejects.toMatchObject(cancelled);
  await expect(a.ask('result', { runId: 'id//1' })).rejects.toMatchObject({ name: 'CancelledError' });
  expect(await b.ask('cancel', { runId: 'id' })).toBe(false);
  expect([...place.calls()].map(([call]) => call)).toEqual(['id 0 parent x', 'id//1 0 before x', 'id//1 1 gate x']);
  await place.history();
});

test('a process cancels a batch that another one executes', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place);
  await a.ask('start', { flow: 'batched', args: ['w'], runId: 'id' });
  await a.heard({ action: 'gate w' });
  await a.heard({ branch: '0.2' });
  expect(await b.ask('cancel', { runId: 'id' })).toBe(true);
  await expect(b.ask('result', { runId: 'id' })).rejects.toMatchObject({ name: 'CancelledError' });
  await expect(a.ask('result', { runId: 'id' })).rejects.toMatchObject({ name: 'CancelledError' });
  expect([...place.calls().keys()].filter((call) => call.includes('after'))).toEqual([]);
  await place.history();
});

test('a child goes on in one process while its parent goes on in another', async () => {
  const place = new Place();
  const a = await EngineProcess.open(place, { flows: ['gated', 'parent'] });
  const childOnly = await EngineProcess.open(place, { flows: ['gated'] });
  await a.ask('start', { flow: 'parent', args: ['x'], runId: 'id' });
  await a.heard({ action: 'gate x' });
  await a.kill();
  await childOnly.heard({ action: 'gate x' });
  expect(await childOnly.ask('get', { runId: 'id' })).toEqual({ status: 'BLOCKED', blockedCode: 'FLOW_NOT_REGISTERED' });
  const b = await EngineProcess.open(place, { flows: ['gated', 'parent'], gateOpen: true });
  await b.heard({ event: 'started', runId: 'id' });
  await childOnly.ask('release');
  expect(await b.ask('result', { runId: 'id' })).toEqual([
    `parent x in ${a.pid}`,
    [`before x in ${a.pid}`, `gate x in ${childOnly.pid}`, `after x in ${childOnly.pid}`],
  ]);
  await place.history();
});

test('a cancel reaches a child that another process executes', async () => {
  const place = new Place();
  const a = await EngineProcess.open(place, { flows: ['gated', 'parent'] });
  const childOnly = await EngineProcess.open(place, { flows: ['gated'] });
  await a.ask('start', { flow: 'parent', args: ['x'], runId: 'id' });
  await a.heard({ action: 'gate x' });
  await a.kill();
  await childOnly.heard({ action: 'gate x' });
  const b = await EngineProcess.open(place);
  await b.heard({ event: 'started', runId: 'id' });
  await b.ask('cancel', { runId: 'id' });
  await expect(b.ask('result', { runId: 'id' })).rejects.toMatchObject({ name: 'CancelledError' });
  await childOnly.heard({ event: 'finished', runId: 'id//1', status: 'CANCELLED' });
  await place.history();
});

test('a run whose flow one process lacks goes on in another, and in the same once it registers the flow', async () => {
  const place = new Place();
  const a = await EngineProcess.open(place);
  for (const flow of ['gated', 'forked']) await a.ask('start', { flow, args: ['x'], runId: flow });
  await a.ask('start', { flow: 'gated', args: ['y'], runId: 'second' });
  await a.heard({ action: 'gate y' });
  await a.ask('close');
  const lacking = await EngineProcess.open(place, { flows: ['forked'], gateOpen: true });
  expect(await lacking.ask('get', { runId: 'gated' })).toEqual({ status: 'BLOCKED', blockedCode: 'FLOW_NOT_REGISTERED' });
  expect(await lacking.ask('result', { runId: 'forked' })).toEqual([expect.stringMatching(/^x[abc]$/), 'last']);
  const pending = lacking.ask('result', { runId: 'gated' });
  await lacking.ask('flows', { args: ['gated'] });
  expect(await pending).toHaveLength(3);
  expect(await lacking.ask('result', { runId: 'second' })).toHaveLength(3);
  await place.history();
});

test('of many runs none is lost or done twice when their process is killed', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place);
  const ids = Array.from({ length: 60 }, (_, index) => `run-${index}`);
  const started = ids.map((runId) => a.ask('start', { flow: 'forked', args: ['x'], runId }).catch(() => 'killed'));
  await a.heard({ action: 'last' });
  await a.kill();
  await Promise.all(started);
  for (const runId of ids) {
    await b.ask('start', { flow: 'forked', args: ['x'], runId });
    expect(await b.ask('result', { runId })).toEqual([expect.stringMatching(/^x[abc]$/), 'last']);
  }
  const { runs } = await place.history();
  expect(runs.size).toBe(ids.length);
  expect(Math.max(...place.calls().values())).toBeLessThanOrEqual(2);
});
