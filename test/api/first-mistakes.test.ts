import { action, flow, map, memoryStore, open, parallel, UsageError } from 'perdure';
import { expect, test } from 'vitest';
import { createTestEngine } from '../../src/testing.js';
import { inFlow, openEngine, thrownBy, unique } from './with-engine.js';

const wrong = (value: unknown): never => value as never;
const unstorable = (): number => 1;

test.each<[string, () => unknown, string]>([
  ['a path', () => open(wrong('x.db')), "open(): the options must be an object, not a path; write open({ store: 'x.db' })"],
  [
    'an address, which may have a password in it',
    () => open(wrong('postgres://user:secret@host/db')),
    "open(): the options must be an object, not a path; write open({ store: '…' })",
  ],
  ['a store', () => open(wrong(memoryStore())), 'open(): the options must be an object, not a store; write open({ store })'],
  [
    'a store for tests',
    () => createTestEngine(wrong(memoryStore())),
    'createTestEngine(): the options must be an object, not a store; write createTestEngine({ store })',
  ],
])('%s in the place of the options is told where it belongs', async (_what, call, message) => {
  expect(await thrownBy(call)).toMatchObject({ name: 'UsageError', code: 'INVALID_OPTION', message });
});

test('values that are given to something are to be passed otherwise', async () => {
  const { engine } = await openEngine();
  const echo = flow(unique('echo'), async (value: unknown) => typeof value);
  const act = action(unique('act'), async (value: unknown) => typeof value);
  const run = engine.start(echo, ['value']);
  await run.result();
  const inside = (body: () => Promise<unknown>): Promise<Error> => thrownBy(() => engine.start(flow(unique('inside'), body), []).result());
  const refused = [
    await thrownBy(() => engine.start(echo, [unstorable])),
    await inside(() => act(unstorable)),
    await inside(() => echo(unstorable)),
    await inside(() => map([{ unstorable }], async () => 1)),
    await thrownBy(() => engine.send(run.id, 'name', unstorable)),
  ];
  for (const { message } of refused) expect(message).toMatch(/ is a function\. Pass plain data, register /);
});

test('a value that a serdes cannot write is to be passed otherwise, too', async () => {
  const serialize = (): never => {
    throw new Error('no key');
  };
  const { engine } = await openEngine({ serdes: { serialize, deserialize: (text) => text } });
  const error = await thrownBy(() =>
    engine.start(
      flow(unique('echo'), async (value: unknown) => value),
      [1],
    ),
  );
  expect(error.message).toMatch(/or pass what it can write\.$/);
});

test('a value that is returned is to be returned otherwise', async () => {
  expect((await thrownBy(() => inFlow(async () => unstorable))).message).toMatch(/ is a function\. Return plain data, register /);
});

test('a branch that is none is named by its key, and one without a key by its index', async () => {
  const named = await thrownBy(() => inFlow(() => parallel(wrong({ good: () => 1, 'not one': 5 }))));
  expect(named.message).toMatch(/^parallel\(\): branch "not one" must be a function, /);
  const numbered = await thrownBy(() => inFlow(() => parallel(wrong([() => 1, 5]))));
  expect(numbered.message).toMatch(/^parallel\(\): branch 1 must be a function, /);
});

test.each<[string, unknown]>([
  ['function*', function* generator() {}],
  ['async function*', async function* generator() {}],
])('%s is no flow and no action', async (_what, body) => {
  const refusal = {
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining(': a generator function (function*, async function*) cannot be one'),
  };
  for (const make of [flow, action] as unknown as ((...given: unknown[]) => unknown)[]) {
    for (const given of [[unique('generator'), body], [body]]) {
      const error = await thrownBy(() => make(...given));
      expect(error).toBeInstanceOf(UsageError);
      expect(error).toMatchObject(refusal);
    }
    const decorated = (): unknown => {
      class Shop {
        *pack(): Generator<number> {
          yield 1;
        }
      }
      return make(Shop.prototype.pack, { kind: 'method', name: 'pack', static: false, private: false, addInitializer: () => {} });
    };
    expect(await thrownBy(decorated)).toMatchObject(refusal);
  }
});
