import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogFields } from 'perdure';
import { crashEverywhere, createTestEngine } from 'perdure/testing';
import { expect, onTestFinished, test } from 'vitest';
import { type Program, runMain } from '../run-main.js';
import { quote, type Source } from './quorum.js';

const exchange: Source = { name: 'exchange', latencyMs: 1, price: 29.99 };
const broker: Source = { name: 'broker', latencyMs: 2, price: 30.15 };
const archive: Source = { name: 'archive', latencyMs: 2 ** 30, price: 27.5 };
const broken: Source = { name: 'broken', latencyMs: 1 };

test('returns the first two prices and cancels the slowest source, whose signal fires', async () => {
  const logged: unknown[] = [];
  const log = (message: string, fields?: LogFields): unknown => logged.push({ message, ...fields });
  await using engine = createTestEngine({ logger: { debug: log, info: log, warn: log, error: log } });

  const report = await engine.run(quote, [[exchange, archive, broker]]);
  expect(report.result).toEqual({
    prices: [
      { name: 'exchange', price: 29.99 },
      { name: 'broker', price: 30.15 },
    ],
    failed: [],
    cancelled: ['archive'],
  });
  expect(report.getBatch('sources').completionReason).toBe('MIN_SUCCESSFUL_REACHED');
  expect(report.get('archive').children).toMatchObject([{ name: 'askPrice', status: 'CANCELLED' }]);
  expect(logged).toMatchObject([{ message: 'the price is not wanted any more', source: 'archive' }]);
});

test('bears a source that fails when the others are enough', async () => {
  await using engine = createTestEngine();
  const { result } = await engine.run(quote, [[broken, exchange, broker]]);
  expect(result).toMatchObject({ failed: ['broken'], cancelled: [] });
});

test('fails with the errors of the sources when too few have a price', async () => {
  await using engine = createTestEngine();
  const { status, error } = await engine.run(quote, [[broken, exchange, { ...broken, name: 'closed' }]]);
  expect(status).toBe('FAILED');
  expect(error?.message).toBe('1 of 3 sources gave a price, 2 are needed');
  expect(error).toMatchObject({ errors: [{ message: 'broken has no price' }, { message: 'closed has no price' }] });
});

test('gives the same quote wherever the process crashes', async () => {
  await crashEverywhere(quote, [[exchange, archive, broker]]);
});

test('prints the prices and who was cancelled, and the same again when it has finished', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'quorum-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const program: Program = { main: new URL('main.ts', import.meta.url), env: { PERDURE_STORE: join(directory, 'new', 'quorum.db') } };

  const stdout = 'exchange   29.99\nbroker     30.15\narchive    cancelled\n';
  const first = await runMain(program);
  expect(first).toMatchObject({ code: 0, stdout });
  expect(
    first.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toMatchObject([{ message: 'the price is not wanted any more', source: 'archive' }]);

  expect(await runMain(program)).toEqual({ code: 0, stdout, stderr: '' });
});
