import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Engine, type Logger, open } from 'perdure';
import { expect, onTestFinished, test } from 'vitest';
import { AT_ONCE, importEmails } from './import-emails.js';

const ignore = (): void => {};
const quiet: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const openQuietly = (): Promise<Engine> => open({ store: ':memory:', logger: quiet });

const shipped = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

function fileOf(...lines: string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'emails-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'addresses.csv');
  writeFileSync(file, lines.join('\n'));
  return file;
}

test('validates a thousand addresses, of which less than 5 % are not valid', async () => {
  await using _engine = await openQuietly();
  const report = await importEmails(shipped('addresses.csv'));
  expect(report).toMatchObject({ complete: true, total: 1000, valid: 962, invalid: 38, left: 0 });
  expect(report.failures).toHaveLength(38);
  expect(report.failures.slice(0, 2)).toEqual([
    { line: 8, email: 'cchen.example.com', problem: 'is not an address' },
    { line: 22, email: 'aisha.schmidt@', problem: 'is not an address' },
  ]);
  expect(new Set(report.failures.map(({ problem }) => problem))).toEqual(
    new Set(['is not an address', 'is missing', 'has a domain that takes no mail', 'is a mailbox that was closed']),
  );
});

test('stops at the first failure beyond 5 %', async () => {
  await using _engine = await openQuietly();
  const report = await importEmails(shipped('bought-list.csv'));
  expect(report).toMatchObject({ complete: false, total: 200, invalid: 11 });
  expect(report.failures).toHaveLength(11);
  expect(report.left).toBeGreaterThan(100);
});

test('asks about no more addresses at once than it may', async () => {
  await using engine = await openQuietly();
  let running = 0;
  let most = 0;
  engine.on('operation:started', ({ kind }) => {
    if (kind === 'branch') running += 1;
    most = Math.max(most, running);
  });
  engine.on('operation:finished', ({ kind }) => {
    if (kind === 'branch') running -= 1;
  });
  await importEmails(shipped('addresses.csv'));
  expect(most).toBe(AT_ONCE);
});

test('takes the addresses from the column "email", wherever it is', async () => {
  await using _engine = await openQuietly();
  const file = fileOf('company,email', '"Acme, Inc.",ada@example.com', '"The ""Blue"" Door",grace@example.com', 'no address');
  expect(await importEmails(file)).toEqual({
    complete: false,
    total: 3,
    valid: 2,
    invalid: 1,
    left: 0,
    failures: [{ line: 4, email: '', problem: 'is missing' }],
  });
});

test('a file with nothing but a header is complete', async () => {
  await using _engine = await openQuietly();
  expect(await importEmails(fileOf('email'))).toMatchObject({ complete: true, total: 0 });
});

test.each([
  ['has no column "email"', ['name', 'Ada']],
  ['Quote Not Closed', ['email', '"ada@example.com']],
])('fails when the file cannot be read: %s', async (problem, lines) => {
  await using _engine = await openQuietly();
  await expect(importEmails(fileOf(...lines))).rejects.toThrow(problem);
});
