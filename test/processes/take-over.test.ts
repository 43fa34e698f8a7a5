import { expect, test } from 'vitest';
import { EngineProcess, Place } from './process.js';

test('a process goes on with the runs of one that is killed, without waiting for a lease', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, {}, { gateOpen: true });
  for (const runId of ['one', 'two']) {
    await a.ask('start', { flow: 'parent', args: [runId], runId });
    await a.heard({ action: `gate ${runId}` });
  }
  const pending = b.ask('result', { runId: 'one' });
  const killedAt = performance.now();
  await a.kill();
  for (const runId of ['one', 'two']) {
    expect(await (runId === 'one' ? pending : b.ask('result', { runId }))).toEqual([
      `parent ${runId} in ${a.pid}`,
      [`before ${runId} in ${a.pid}`, `gate ${runId} in ${b.pid}`, `after ${runId} in ${b.pid}`],
    ]);
  }
  expect(performance.now() - killedAt).toBeLessThan(5_000);
  expect([...place.calls()].filter(([, times]) => times > 1).map(([call]) => call)).toEqual(['one//1 1 gate one', 'two//1 1 gate two']);
  await place.history();
});

test('a process goes on with the batch of one that is killed, and does not run what is done in it again', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, {}, { gateOpen: true });
  await a.ask('start', { flow: 'batched', args: ['w'], runId: 'id' });
  await a.heard({ action: 'gate w' });
  await a.heard({ action: 'z w' });
  await a.heard({ branch: '0.2' });
  await a.kill();
  expect(await b.ask('result', { runId: 'id' })).toEqual([
    'ALL_COMPLETED',
    `first w in ${a.pid}`,
    [`before w in ${a.pid}`, `gate w in ${b.pid}`, `after w in ${b.pid}`],
    [`x w in ${a.pid}`, `y w in ${a.pid}`, `z w in ${a.pid}`],
  ]);
  expect([...place.calls()].filter(([, times]) => times > 1).map(([call]) => call)).toEqual(['id 0.1.1 gate w']);
  await place.history();
});

test('the late writes of a process that stands still amid a batch are refused', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, { leaseMs: 300 }, { leaseMs: 300, gateOpen: true });
  await a.ask('start', { flow: 'batched', args: ['w'], runId: 'id' });
  await a.heard({ action: 'gate w' });
  await a.heard({ branch: '0.2' });
  const pending = a.ask('result', { runId: 'id' });
  await a.stop(place);
  const result = (await b.ask('result', { runId: 'id' })) as unknown[];
  expect(result[2]).toEqual([`before w in ${a.pid}`, `gate w in ${b.pid}`, `after w in ${b.pid}`]);
  const released = a.ask('release');
  a.resume();
  await released;
  await a.heard({ event: 'fenced' });
  expect(await pending).toEqual(result);
  await place.history();
});

test('a process that stands still loses its runs, and when it goes on its late writes are refused', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, { leaseMs: 300 }, { leaseMs: 300, gateOpen: true });
  await a.ask('start', { flow: 'gated', args: ['x'], runId: 'id' });
  await a.heard({ action: 'gate x' });
  const pending = a.ask('result', { runId: 'id' });
  await a.stop(place);
  const result = await b.ask('result', { runId: 'id' });
  expect(result).toEqual([`before x in ${a.pid}`, `gate x in ${b.pid}`, `after x in ${b.pid}`]);
  const released = a.ask('release');
  a.resume();
  await released;
  await a.heard({ event: 'fenced' });
  expect(await pending).toEqual(result);
  const { journals } = await place.history();
  expect(journals.get('id')?.map(({ id, seq, outcome }) => ({ id, seq, outcome }))).toEqual(
    (result as string[]).map((value, index) => ({ id: `${index}`, seq: index + 1, outcome: JSON.stringify(value) })),
  );
});

test('a process that was taken for dead registers anew, and takes work again', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, { leaseMs: 300 }, { leaseMs: 300, gateOpen: true });
  await a.ask('start', { flow: 'gated', args: ['x'], runId: 'id' });
  await a.heard({ action: 'gate x' });
  await a.stop(place);
  await b.ask('result', { runId: 'id' });
  a.resume();
  await a.heard({ event: 'fenced' });
  await a.ask('start', { flow: 'quick', args: ['again'], runId: 'again' });
  expect(await b.ask('result', { runId: 'again' })).toBe(`again in ${a.pid}`);
  await b.ask('start', { flow: 'forked', args: ['y'], runId: 'handed over' });
  await b.kill();
  expect(await a.ask('result', { runId: 'handed over' })).toEqual([expect.stringMatching(/^y[abc]$/), 'last']);
  await place.history();
});

test('what a process writes after its runs were taken is refused', async () => {
  const place = new Place();
  // By its own lease it need not show itself for ten seconds: it finds out when it writes, or looks what has changed, whichever comes first.
  const a = await EngineProcess.open(place, { leaseMs: 30_000 });
  await a.ask('start', { flow: 'gated', args: ['x'], runId: 'id' });
  await a.heard({ action: 'gate x' });
  const pending = a.ask('result', { runId: 'id' });
  await a.stop(place);
  await place.inAMinute();
  const b = await EngineProcess.open(place);
  await b.heard({ action: 'gate x' });
  const released = a.ask('release');
  a.resume();
  await released;
  await a.heard({ event: 'fenced' });
  await b.ask('release');
  const result = [`before x in ${a.pid}`, `gate x in ${b.pid}`, `after x in ${b.pid}`];
  expect(await b.ask('result', { runId: 'id' })).toEqual(result);
  expect(await pending).toEqual(result);
  await place.history();
});

test('a process that closes its engine hands its runs over to one that is open', async () => {
  const place = new Place();
  const [a, b] = await EngineProcess.two(place, {}, { gateOpen: true });
  await a.ask('start', { flow: 'parent', args: ['x'], runId: 'id' });
  await a.heard({ action: 'gate x' });
  const pending = a.ask('result', { runId: 'id' });
  await Promise.all([a.ask('close'), expect(pending).rejects.toMatchObject({ name: 'UsageError', code: 'ENGINE_CLOSED' })]);
  expect(await b.ask('result', { runId: 'id' })).toMatchObject([
    `parent x in ${a.pid}`,
    [`before x in ${a.pid}`, `gate x in ${b.pid}`, `after x in ${b.pid}`],
  ]);
  expect(await a.exit()).toBe(0);
  await place.history();
});

test('a process that opens later goes on with what a closed engine has left', async () => {
  const place = new Place();
  const a = await EngineProcess.open(place);
  await a.ask('start', { flow: 'gated', args: ['x'], runId: 'id' });
  await a.heard({ action: 'gate x' });
  await a.ask('close');
  expect(await a.exit()).toBe(0);
  const b = await EngineProcess.open(place, { gateOpen: true });
  expect(await b.ask('result', { runId: 'id' })).toEqual([`before x in ${a.pid}`, `gate x in ${b.pid}`, `after x in ${b.pid}`]);
});
