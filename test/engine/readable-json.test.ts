import { action, flow, map, memoryStore, NonRetryableError, parallel, RetryPresets, registerError, sleep } from 'perdure';
import { expect, test } from 'vitest';
import { keyedSerdes, openEngine, unique } from '../api/with-engine.js';

class Declined extends Error {
  override name = 'Declined';
  readonly code = 'DECLINED';
}
registerError(Declined);

function declined(): Declined {
  return new Declined('no money', { cause: new AggregateError([new TypeError('inner')], 'several') });
}

const asJson = {
  name: 'Declined',
  message: 'no money',
  code: 'DECLINED',
  stack: expect.stringContaining('no money'),
  cause: { name: 'AggregateError', message: 'several', errors: [{ name: 'TypeError', message: 'inner' }] },
};

/** What is left of something that went over the wire. */
function sent(value: unknown): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
}

const decline = action(unique('decline'), async (): Promise<void> => {
  throw declined();
});
const fails = flow(unique('fails'), async (_given?: unknown) => decline.with({ retry: RetryPresets.none() })());

test('an error is readable as JSON, and stays an instance of its class', async () => {
  const { engine } = await openEngine();
  await engine.start(fails, [declined()], { id: 'run' }).exception();
  const [listed] = await engine.list();
  const got = await engine.get('run');
  const [operation] = await engine.operations('run');
  for (const info of [listed, got, operation]) {
    expect(info?.error).toBeInstanceOf(Declined);
    expect(info?.error).toEqual(declined());
    expect(Object.keys(info?.error as Error)).toEqual(Object.keys(declined()));
    expect(sent(info?.error)).toMatchObject(asJson);
    expect(sent(info)).toMatchObject({ error: asJson });
    expect(sent((info?.error as Declined | undefined)?.cause)).toMatchObject(asJson.cause);
  }
  expect(got.args[0]).toBeInstanceOf(Declined);
  expect(sent(got.args)).toMatchObject([asJson]);
});

test('an error that was told of can be an argument', async () => {
  const { engine } = await openEngine();
  await engine.start(fails, [], { id: 'run' }).exception();
  const { error } = await engine.get('run');
  const name = flow(unique('name'), async (given: unknown) => given instanceof Declined);
  expect(await engine.start(name, [error])).toBe(true);
});

test('errors in values, in failed attempts, in batches and in what is waited for are readable as JSON', async () => {
  const { engine } = await openEngine({ retry: RetryPresets.fixed({ maxAttempts: 2, delay: '1h' }) });
  const settled = flow(unique('settled'), async () => {
    const result = await map([1], async () => {
      throw declined();
    });
    return { map: new Map([['why', [declined()]]]), result };
  });
  await engine.start(settled, [], { id: 'settled' });
  const { result } = await engine.get('settled');
  expect(sent(await engine.get('settled'))).toMatchObject({ result: { map: { why: [asJson] } } });
  expect((result as { map: Map<string, Error[]> }).map.get('why')?.[0]).toBeInstanceOf(Declined);
  expect(sent((await engine.operations('settled'))[0])).toMatchObject({
    output: { all: [{ error: { name: 'Declined' } }] },
    children: [{ error: asJson }],
  });
  const waits = flow(unique('waits'), async () => parallel([() => decline(), () => sleep('1h')]));
  engine.start(waits, [], { id: 'waits' });
  await expect
    .poll(async () => sent(await engine.get('waits')), { interval: 10 })
    .toMatchObject({
      pending: expect.arrayContaining([expect.objectContaining({ lastError: expect.objectContaining({ message: 'no money' }) })]),
    });
  const [batch] = await engine.operations('waits');
  expect(sent(batch)).toMatchObject({ children: [{ children: [{ failedAttempts: [{ error: asJson }] }] }, {}] });
});

test('what JSON has no form for is text, and a cycle ends', async () => {
  const { engine } = await openEngine();
  const cyclic: { self?: unknown; big: bigint } = { big: 2n ** 80n };
  cyclic.self = cyclic;
  const odd = flow(unique('odd'), async (given: typeof cyclic) => ({ given, nothing: undefined, at: new Date(0) }));
  await engine.start(odd, [cyclic], { id: 'odd' });
  expect(sent(await engine.get('odd'))).toMatchObject({
    args: [{ big: String(2n ** 80n), self: '[circular]' }],
    result: { at: '1970-01-01T00:00:00.000Z' },
    createdAt: expect.any(String),
  });
});

test('what cannot be read says so, and hides nothing else', async () => {
  const { serdes, loseKey } = keyedSerdes(new NonRetryableError('no key'));
  const { engine } = await openEngine({ store: memoryStore() });
  const sealed = flow(unique('sealed'), async (value: string) => value, { serdes });
  await engine.start(sealed, ['secret'], { id: 'sealed' });
  loseKey();
  const unreadable = expect.stringMatching(/^\[unreadable: .*no key/);
  expect(sent(await engine.get('sealed'))).toMatchObject({ id: 'sealed', status: 'SUCCEEDED', args: unreadable, result: unreadable });
});
