import { inspect } from 'node:util';
import { flow, memoryStore } from 'perdure';
import { expect, test } from 'vitest';
import { batchOf, startOf, withRuns } from '../../src/testing/store-conformance/records.js';
import { keyedSerdes, openEngine, unique } from '../api/with-engine.js';

const echo = flow(unique('echo'), async (value: unknown) => ({ echoed: value }));
const fails = flow(unique('fails'), async () => {
  throw new TypeError('no such order', { cause: new Error('closed') });
});

test('console.log shows the values of get() and list()', async () => {
  const { engine } = await openEngine();
  await engine.start(echo, [new Map([['a', 1]])], { id: 'echoed' }).result();
  await engine.start(fails, [], { id: 'failed' }).exception();
  for (const info of [await engine.get('echoed'), (await engine.list({ status: 'SUCCEEDED' }))[0]]) {
    const shown = inspect(info);
    expect(shown).toMatch(/^\{\n {2}id: 'echoed',/);
    expect(shown).toContain("args: [ Map(1) { 'a' => 1 } ]");
    expect(shown).toContain("result: { echoed: Map(1) { 'a' => 1 } }");
    expect(shown).not.toMatch(/Getter|toJSON|Symbol/);
  }
  const failed = inspect(await engine.get('failed'));
  expect(failed).toContain('args: []');
  expect(failed).toMatch(/error: TypeError: no such order\n[\s\S]*\[cause\]: Error: closed/);
});

test('a list is shown as deep as any other', async () => {
  const { engine } = await openEngine();
  await engine.start(echo, [{ deep: { deeper: 1 } }], { id: 'echoed' }).result();
  const list = await engine.list();
  expect(inspect(list)).toContain('args: [ [Object] ]');
  expect(inspect(list, { depth: null })).toContain('args: [ { deep: { deeper: 1 } } ]');
  expect(inspect({ a: { b: { list } } })).toContain('[Array]');
});

test('a value that this process cannot read is shown as such, and hides nothing else', async () => {
  const store = memoryStore();
  const { serdes, loseKey } = keyedSerdes(new Error('no key'));
  const { engine } = await openEngine({ store, serdes });
  await engine.start(echo, [1], { id: 'echoed' }).result();
  loseKey();
  const shown = inspect(await engine.get('echoed'));
  expect(shown).toMatch(/args: \[unreadable: .*no key/);
  expect(shown).toContain("status: 'SUCCEEDED'");
});

test('what was told can be stored, and has no field more', async () => {
  const { engine } = await openEngine();
  await engine.start(echo, [1], { id: 'echoed' }).result();
  const info = await engine.get('echoed');
  const { echoed } = await engine.start(echo, [info]).result();
  expect(echoed).toEqual(info);
  expect(Object.keys(info)).not.toContain('toJSON');
  expect({ ...info }).toStrictEqual(echoed);
});

test('a run whose journal names as a child what can be no run is told of all the same', async () => {
  const store = memoryStore();
  await store.open();
  await withRuns(store, 'damaged');
  await store.commit(batchOf({ operations: [startOf('damaged', '0', { kind: 'flow', name: 'child', childRunId: '' })] }));
  const { engine } = await openEngine({ store, execute: false });
  expect((await engine.get('damaged')).status).toBe('RUNNING');
  expect(await engine.operations('damaged')).toMatchObject([{ id: '0', name: 'child', status: 'STARTED' }]);
});
