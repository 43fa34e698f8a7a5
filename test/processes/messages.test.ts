import { expect, test } from 'vitest';
import { EngineProcess, Place } from './process.js';

/** A process that has none of the flows registered: it can only send. */
const STRANGER = { flows: [] };

test.each([
  { what: 'has', options: {} },
  { what: 'has not', options: STRANGER },
])('a message is sent by a process that $what the flow registered', async ({ options }) => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, {}, options);
  await a.ask('start', { flow: 'waiting', args: [3], runId: 'id' });
  await a.heard({ action: 'asked' });
  for (const n of [1, 2, 3]) await b.ask('send', { runId: 'id', args: ['n', n] });
  expect(await a.ask('result', { runId: 'id' })).toEqual([1, 2, 3]);
  const { journals } = await place.history();
  expect(journals.get('id')?.filter(({ kind }) => kind === 'message')).toHaveLength(3);
});

test.each([
  { what: 'has', options: {} },
  { what: 'has not', options: STRANGER },
])('a callback is completed, and another fails, by a process that $what the flow registered', async ({ options }) => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, {}, options);
  for (const runId of ['completed', 'failed']) await a.ask('start', { flow: 'approved', args: [{}], runId });
  const token = async (runId: string): Promise<string> => (await a.heard({ event: 'token', runId })).token as string;
  await b.ask('complete', { args: [await token('completed'), { by: 'Ada' }] });
  await b.ask('fail', { args: [await token('failed'), 'refused'] });
  expect(await a.ask('result', { runId: 'completed' })).toEqual({ by: 'Ada' });
  await expect(a.ask('result', { runId: 'failed' })).rejects.toMatchObject({ name: 'RangeError', message: 'refused' });
  await place.history();
});

test('a heartbeat from another process keeps a callback waiting', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, {}, STRANGER);
  await a.ask('start', { flow: 'approved', args: [{ heartbeatTimeout: 1_500 }], runId: 'id' });
  const { token } = await a.heard({ event: 'token', runId: 'id' });
  const startedAt = Date.now();
  // As long as it would have failed twice without them.
  while (Date.now() - startedAt < 3_500) await b.ask('heartbeat', { args: [token] });
  await b.ask('complete', { args: [token, 'alive'] });
  expect(await a.ask('result', { runId: 'id' })).toBe('alive');
});

test('what cannot be sent is refused in the sending process, with the code', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, {}, STRANGER);
  await a.ask('start', { flow: 'approved', args: [{}], runId: 'id' });
  const { token } = (await a.heard({ event: 'token', runId: 'id' })) as unknown as { token: string };
  await expect(b.ask('send', { runId: 'nobody', args: ['n', 1] })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  await expect(b.ask('complete', { args: [`${token.slice(1)}x`, 1] })).rejects.toMatchObject({ code: 'INVALID_TOKEN' });
  await b.ask('complete', { args: [token, 'first'] });
  await expect(b.ask('complete', { args: [token, 'second'] })).rejects.toMatchObject({
    code: expect.stringMatching(/^(CALLBACK_CLOSED|RUN_FINISHED)$/),
  });
  expect(await a.ask('result', { runId: 'id' })).toBe('first');
  for (const what of ['complete', 'fail', 'heartbeat'] as const) {
    await expect(b.ask(what, { args: [token, 'late'] })).rejects.toMatchObject({ name: 'UsageError', code: 'RUN_FINISHED' });
  }
  await expect(b.ask('send', { runId: 'id', args: ['n', 1] })).rejects.toMatchObject({ code: 'RUN_FINISHED' });
});

test('what is sent while the owner stands still is there when it goes on', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, {}, STRANGER);
  await a.ask('start', { flow: 'waiting', args: [4], runId: 'id' });
  await a.ask('start', { flow: 'approved', args: [{}], runId: 'other' });
  await a.heard({ action: 'asked' });
  const { token } = await a.heard({ event: 'token', runId: 'other' });
  await a.stop(place);
  for (const n of [1, 2, 3, 4]) await b.ask('send', { runId: 'id', args: ['n', n] });
  await b.ask('complete', { args: [token, 'meanwhile'] });
  a.resume();
  expect(await a.ask('result', { runId: 'id' })).toEqual([1, 2, 3, 4]);
  expect(await a.ask('result', { runId: 'other' })).toBe('meanwhile');
  await place.history();
});

test('what is sent while the owner stands still comes to whoever takes the run over', async () => {
  const place = new Place();
  const a = await EngineProcess.open(place, { leaseMs: 300 });
  await a.ask('start', { flow: 'waiting', args: [2], runId: 'id' });
  await a.heard({ action: 'asked' });
  await a.stop(place);
  const stranger = await EngineProcess.open(place, STRANGER);
  await stranger.ask('send', { runId: 'id', args: ['n', 1] });
  await stranger.ask('send', { runId: 'id', args: ['n', 2] });
  const b = await EngineProcess.open(place);
  expect(await b.ask('result', { runId: 'id' })).toEqual([1, 2]);
  a.resume();
  await a.heard({ event: 'fenced' });
  expect(await a.ask('result', { runId: 'id' })).toEqual([1, 2]);
  await place.history();
});

test('what was sent before the owner was killed, and after, comes to the next owner, each once and in order', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, {}, STRANGER);
  await a.ask('start', { flow: 'waiting', args: [5], runId: 'id' });
  await a.heard({ action: 'asked' });
  await b.ask('send', { runId: 'id', args: ['n', 1] });
  await a.heard({ got: 1, runId: 'id' });
  await b.ask('send', { runId: 'id', args: ['n', 2] });
  await a.kill();
  for (const n of [3, 4, 5]) await b.ask('send', { runId: 'id', args: ['n', n] });
  const c = await EngineProcess.open(place);
  expect(await c.ask('result', { runId: 'id' })).toEqual([1, 2, 3, 4, 5]);
  await place.history();
});

test('a callback that is completed while no process executes its run is completed', async () => {
  const place = new Place();
  const a = await EngineProcess.open(place);
  for (const runId of ['completed', 'failed']) await a.ask('start', { flow: 'approved', args: [{ timeout: '1h' }], runId });
  const tokens = await Promise.all(['completed', 'failed'].map(async (runId) => (await a.heard({ event: 'token', runId })).token));
  await a.kill();
  const stranger = await EngineProcess.open(place, STRANGER);
  await stranger.ask('complete', { args: [tokens[0], 'yes'] });
  await expect(stranger.ask('complete', { args: [tokens[0], 'no'] })).rejects.toMatchObject({ code: 'CALLBACK_CLOSED' });
  await stranger.ask('complete', { args: [tokens[0], 'yes'] });
  await stranger.ask('fail', { args: [tokens[1], 'refused'] });
  expect(await stranger.exit()).toBe(0);
  const b = await EngineProcess.open(place);
  expect(await b.ask('result', { runId: 'completed' })).toBe('yes');
  await expect(b.ask('result', { runId: 'failed' })).rejects.toMatchObject({ name: 'RangeError', message: 'refused' });
  await place.history();
});

test('many processes send to one run, and everything arrives once, in the order of each', async () => {
  const place = new Place();
  const a = await EngineProcess.open(place);
  const senders = await Promise.all([0, 1, 2].map(() => EngineProcess.open(place, STRANGER)));
  await a.ask('start', { flow: 'waiting', args: [60], runId: 'id' });
  await Promise.all(
    senders.map(async (sender, index) => {
      for (let n = 0; n < 20; n += 1) await sender.ask('send', { runId: 'id', args: ['n', index * 100 + n] });
    }),
  );
  const got = (await a.ask('result', { runId: 'id' })) as number[];
  expect(new Set(got).size).toBe(60);
  for (const index of [0, 1, 2]) {
    expect(got.filter((n) => Math.floor(n / 100) === index)).toEqual(Array.from({ length: 20 }, (_, n) => index * 100 + n));
  }
  await place.history();
}, 40_000);
