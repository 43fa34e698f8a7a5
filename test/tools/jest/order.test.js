// A CommonJS project: jest's `require` takes no ES module.
const { mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { action, flow, open, sleep } = require('perdure');
const { createTestEngine } = require('perdure/testing');

const double = action('double', async (n) => n * 2);
const failing = action('failing', async (n) => {
  throw new RangeError(`no ${n}`);
});
const slow = flow('slow', async (n) => {
  await sleep('30d');
  return { doubled: await double(n), at: new Date(0), many: new Map([['a', 1n]]) };
});
const caught = flow('caught', async (n) => {
  try {
    return await failing(n);
  } catch (error) {
    return [error instanceof RangeError, error.message, await double(n)];
  }
});

test('a flow sleeps in virtual time, with a mock', async () => {
  const engine = createTestEngine();
  engine.mock(double, 7);
  const { result } = await engine.run(slow, [20]);
  expect(result).toEqual({ doubled: 7, at: new Date(0), many: new Map([['a', 1n]]) });
  await engine.close();
});

test('a flow runs on a file', async () => {
  const engine = await open({ store: join(mkdtempSync(join(tmpdir(), 'perdure-jest-')), 'app.db') });
  expect(await caught(20)).toEqual([true, 'no 20', 40]);
  await engine.close();
});

test('fake timers hold nothing up', async () => {
  jest.useFakeTimers();
  const engine = await open({ store: ':memory:' });
  expect(await caught(1)).toEqual([true, 'no 1', 2]);
  await engine.close();
  jest.useRealTimers();
});
