import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open } from 'perdure';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ended, killMain, type Program, runMain } from '../run-main.js';

const orderFile = fileURLToPath(new URL('order.json', import.meta.url));
const WORKERS = ['inventory worker done', 'payment worker done', 'shipping worker done', 'tax worker done'];

let directory: string;
let store: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'order-'));
  store = join(directory, 'new', 'orders.db');
});

afterEach(() => rmSync(directory, { recursive: true }));

function program(file: string, reviewMs: number): Program {
  const env = { PERDURE_STORE: store, ORDER_REVIEW_MS: String(reviewMs) };
  return { main: new URL('main.ts', import.meta.url), args: [file], env };
}

async function run(file: string): Promise<Ended & { workers: string[] }> {
  const ended = await runMain(program(file, 1));
  return { ...ended, workers: WORKERS.filter((message) => ended.stderr.includes(`"${message}"`)) };
}

/** Starts the program and kills it as soon as it logs this message. Returns what it logged. */
async function killAt(message: string): Promise<string> {
  const lines = await killMain(program(orderFile, 1_500), (line) => line.includes(`"${message}"`));
  return lines.join('\n');
}

function writeOrder(content: string): string {
  const file = join(directory, 'order.json');
  writeFileSync(file, content);
  return file;
}

test('prints the confirmed order, and the same again when it has finished', async () => {
  const first = await run(orderFile);
  expect(first).toMatchObject({ code: 0, workers: WORKERS });
  expect(JSON.parse(first.stdout)).toMatchObject({ orderId: 'ORD-12345', result: { status: 'CONFIRMED', totals: { total: 130.68 } } });

  expect(await run(orderFile)).toMatchObject({ code: 0, stdout: first.stdout, workers: [] });
});

test('finishes the same run when killed after the workers are done, and none of them runs again', async () => {
  const log = await killAt('all four workers are done');
  const { code, stdout, workers } = await run(orderFile);
  expect({ code, workers }).toEqual({ code: 0, workers: [] });

  const { inventory, payment } = JSON.parse(stdout).result;
  expect(log).toContain(inventory.reservationId);
  expect(log).toContain(payment.authorizationCode);

  await using engine = await open({ store, default: false });
  expect(await engine.list()).toMatchObject([{ id: 'order-ORD-12345', status: 'SUCCEEDED' }]);
});

test.each(['inventory worker done', 'tax worker done'])('reserves and charges once when killed at "%s"', async (message) => {
  const log = await killAt(message);
  const { code, stdout } = await run(orderFile);
  expect(code).toBe(0);
  expect(log).toContain(JSON.parse(stdout).result.inventory.reservationId);
});

test('an invalid order names the field, and can be mended under the same id', async () => {
  const invalid = await run(writeOrder('{ "orderId": "ORD-12345", "items": [], "customer": { "id": "CUST-999" } }'));
  expect(invalid.code).toBe(1);
  expect(JSON.parse(invalid.stdout)).toEqual({
    success: false,
    error: { name: 'ValidationError', message: 'items array is required and must not be empty', field: 'items' },
    message: 'Order processing failed',
  });
  expect(await run(orderFile)).toMatchObject({ code: 0 });
});

test('another order under the same id is refused', async () => {
  await run(orderFile);
  const other = await run(writeOrder(readFileSync(orderFile, 'utf8').replace('29.99', '19.99')));
  expect(other).toMatchObject({ code: 1, workers: [] });
  expect(JSON.parse(other.stdout)).toMatchObject({ success: false, error: { name: 'UsageError', code: 'RUN_ID_TAKEN' } });
});

test.each([
  ['no such file', () => join(directory, 'missing.json'), 'ENOENT'],
  ['broken JSON', () => writeOrder('{ "orderId": '), 'JSON'],
])('says what is wrong with %s', async (_what, makeFile, problem) => {
  const file = makeFile();
  const { code, stdout, stderr } = await run(file);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain(`cannot be read from ${file}`);
  expect(stderr).toContain(problem);
});
