import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crashEverywhere, createTestEngine } from 'perdure/testing';
import { expect, onTestFinished, test } from 'vitest';
import { AT_ONCE, importEmails, validateAddress } from './import-emails.js';

const shipped = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

function fileOf(...lines: string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'emails-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'addresses.csv');
  writeFileSync(file, lines.join('\n'));
  return file;
}

test('validates a thousand addresses, of which less than 5 % are not valid', async () => {
  await using engine = createTestEngine();
  const { result } = await engine.run(importEmails, [shipped('addresses.csv')]);
  expect(result).toMatchObject({ complete: true, total: 1000, valid: 962, invalid: 38, left: 0 });
  expect(result.failures).toHaveLength(38);
  expect(result.failures.slice(0, 2)).toEqual([
    { line: 8, email: 'cchen.example.com', problem: 'is not an address' },
    { line: 22, email: 'aisha.schmidt@', problem: 'is not an address' },
  ]);
  expect(new Set(result.failures.map(({ problem }) => problem))).toEqual(
    new Set(['is not an address', 'is missing', 'has a domain that takes no mail', 'is a mailbox that was closed']),
  );
});

test('stops at the first failure beyond 5 %', async () => {
  await using engine = createTestEngine();
  const { result, getMap } = await engine.run(importEmails, [shipped('bought-list.csv')]);
  expect(result).toMatchObject({ complete: false, total: 200, invalid: 11 });
  expect(result.failures).toHaveLength(11);
  expect(result.left).toBeGreaterThan(100);
  expect(getMap('validateAddress').completionReason).toBe('FAILURE_TOLERANCE_EXCEEDED');
});

test('asks about as many addresses at once as it may, and no more', async () => {
  await using engine = createTestEngine();
  engine.mock(validateAddress, undefined, { latency: '1s' });
  const startedAt = engine.now();
  await engine.run(importEmails, [shipped('addresses.csv')]);
  engine.assertMaxInFlight(validateAddress, AT_ONCE);
  expect(engine.now() - startedAt).toBe((1_000 / AT_ONCE) * 1_000);
});

test('takes the addresses from the column "email", wherever it is', async () => {
  await using engine = createTestEngine();
  const file = fileOf('company,email', '"Acme, Inc.",ada@example.com', '"The ""Blue"" Door",grace@example.com', 'no address');
  const { result } = await engine.run(importEmails, [file]);
  expect(result).toEqual({
    complete: false,
    total: 3,
    valid: 2,
    invalid: 1,
    left: 0,
    failures: [{ line: 4, email: '', problem: 'is missing' }],
  });
});

test('a file with nothing but a header is complete', async () => {
  await using engine = createTestEngine();
  const { result } = await engine.run(importEmails, [fileOf('email')]);
  expect(result).toMatchObject({ complete: true, total: 0 });
});

test.each([
  ['has no column "email"', ['name', 'Ada']],
  ['Quote Not Closed', ['email', '"ada@example.com']],
])('fails when the file cannot be read: %s', async (problem, lines) => {
  await using engine = createTestEngine();
  const { status, error } = await engine.run(importEmails, [fileOf(...lines)]);
  expect(status).toBe('FAILED');
  expect(error?.message).toContain(problem);
});

test('comes to the same report wherever the process crashes', async () => {
  await crashEverywhere(importEmails, [fileOf('email', 'ada@example.com', 'nobody', 'grace@example.com')]);
});
