import { action, event, flow, RetryPresets } from 'perdure';
import { describe, expect, test } from 'vitest';
import { openEngine, thrownBy, unique } from '../api/with-engine.js';
import { testEngine } from '../testing/with-test-engine.js';

const packed: string[] = [];
const pack = action('pack what has an id', async (what: string) => {
  packed.push(what);
  return what;
});
const packing = flow('packing what has an id', async (what: string) => (await pack(what)).toUpperCase());
const waiting = flow('waiting under an id', async (what: string) => `${what} ${await event('go')}`);

test('a child without an id never meets a run whose id a user composed with a slash', async () => {
  const { engine } = await openEngine();
  const order = flow(unique('order'), async (what: string) => packing(what));
  await engine.start(packing, ['parcel'], { id: 'order-1/0' });
  await engine.start(packing, ['another'], { id: 'order-2/0' });
  packed.length = 0;
  expect(await engine.start(order, ['parcel'], { id: 'order-1' })).toBe('PARCEL');
  expect(await engine.start(order, ['parcel'], { id: 'order-2' })).toBe('PARCEL');
  expect(packed).toEqual(['parcel', 'parcel']);
  expect((await engine.get('order-1//0')).parent).toEqual({ runId: 'order-1', operationId: '0' });
});

test('an attempt of a child whose id belongs to another run fails, and takes no result of it', async () => {
  const engine = testEngine();
  const failing = flow(unique('failing'), async () => {
    throw new Error('first');
  });
  const order = flow(unique('order'), async () => failing.with({ id: 'bill', retry: RetryPresets.linear() })());
  await engine.start(packing, ['another'], { id: 'bill~2' });
  const { error } = await engine.run(order, []);
  expect(error).toMatchObject({ code: 'RUN_ID_TAKEN', message: expect.stringContaining('a run that was started by itself') });
});

describe('an id with //', () => {
  test('is refused where it would be that of a new run, and nothing is started', async () => {
    const { engine } = await openEngine();
    const future = engine.start(packing, ['parcel'], { id: 'a//b' });
    expect(await thrownBy(() => future.recorded())).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('"a//b"') });
    expect(await thrownBy(() => future.result())).toMatchObject({ code: 'INVALID_ARGUMENT' });
    const name = unique('order');
    const order = flow(name, async () => packing.with({ id: 'c//d' })('parcel'));
    expect(await thrownBy(() => engine.start(order, []).result())).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect((await engine.list()).map(({ flow }) => flow)).toEqual([name]);
  });

  test('is served where a run has it', async () => {
    const { engine } = await openEngine();
    const order = flow(unique('order'), async () => waiting('child'));
    const start = engine.start(order, [], { id: 'order' });
    await start.recorded();
    await engine.send('order//0', 'go', 'on');
    const attached = flow(unique('attached'), async () => waiting.with({ id: 'order//0' })('child'));
    expect(await start).toBe('child on');
    expect(await engine.start(waiting, ['child'], { id: 'order//0' })).toBe('child on');
    expect(await engine.start(attached, [])).toBe('child on');
    expect(await thrownBy(() => engine.start(waiting, ['other'], { id: 'order//0' }).result())).toMatchObject({ code: 'RUN_ID_TAKEN' });
  });
});
