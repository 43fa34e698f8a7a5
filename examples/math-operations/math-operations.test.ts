import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NonRetryableError } from 'perdure';
import { crashEverywhere, createTestEngine } from 'perdure/testing';
import { expect, onTestFinished, test } from 'vitest';
import { type Program, runMain } from '../run-main.js';
import { calculate, divide } from './math-operations.js';

function program(...args: string[]): Program {
  const directory = mkdtempSync(join(tmpdir(), 'math-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return { main: new URL('main.ts', import.meta.url), args, env: { PERDURE_STORE: join(directory, 'new', 'math.db') } };
}

test('gives the value of every branch', async () => {
  await using engine = createTestEngine();
  const { result } = await engine.run(calculate, [6, 3]);
  expect(result.getResults()).toEqual([9, 3, 18, 2]);
  expect(result).toMatchObject({ status: 'SUCCEEDED', completionReason: 'ALL_COMPLETED' });
  expect(result.get('divide')).toEqual({ index: 3, name: 'divide', status: 'SUCCEEDED', result: 2 });
});

test('a division by zero fails its own branch alone, and is not tried again', async () => {
  await using engine = createTestEngine();
  const report = await engine.run(calculate, [6, 0]);
  const operations = report.getBatch<number>('operations');
  expect(operations.getResults()).toEqual([6, 6, 0]);
  expect(operations.getErrors()).toEqual([expect.any(NonRetryableError)]);
  expect(report.get('divide')).toMatchObject({ status: 'FAILED', error: { message: '6 cannot be divided by 0' } });
  expect(operations.completionReason).toBe('ALL_COMPLETED');
  expect(report.result).toEqual(operations);
  expect(engine.calls(divide)).toEqual([[6, 0]]);
});

test('comes to the same values and failures wherever the process crashes', async () => {
  await crashEverywhere(calculate, [6, 0]);
});

test('prints a table of values and failures, and the same again when it has finished', async () => {
  const divisionByZero = program('6', '0');
  const table = `
add        6
subtract   6
multiply   0
divide     NonRetryableError: 6 cannot be divided by 0

3 of 4 succeeded, 1 failed
`;
  const expected = { code: 0, stdout: table.slice(1) };
  const first = await runMain(divisionByZero);
  expect(first).toMatchObject(expected);
  // A failed attempt is logged once: what is recorded is not done again.
  expect(first.stderr).toMatch(/^\{.*attempt 1 of 1 of action.*\}\n$/);
  expect(await runMain(divisionByZero)).toEqual({ ...expected, stderr: '' });
});

test('takes -0 for 0', async () => {
  const zero = program('0', '5');
  const { stdout } = await runMain(zero);
  expect(await runMain({ ...zero, args: ['-0', '5'] })).toMatchObject({ code: 0, stdout });
});

test.each([
  { args: [], problem: 'A must be a number, not left out' },
  { args: ['6'], problem: 'B must be a number, not left out' },
  { args: ['six', '3'], problem: 'A must be a number, not "six"' },
  { args: ['6', ''], problem: 'B must be a number, not ""' },
  { args: ['6', 'Infinity'], problem: 'B must be a number, not "Infinity"' },
])('says what is wrong with the arguments $args', async ({ args, problem }) => {
  const { code, stdout, stderr } = await runMain(program(...args));
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain(problem);
});
