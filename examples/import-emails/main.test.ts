import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open, type RunInfo } from 'perdure';
import { sqliteReader } from 'perdure/store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { killMain, type Program, runMain } from '../run-main.js';
import { AT_ONCE } from './import-emails.js';

let directory: string;
let store: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'emails-'));
  store = join(directory, 'new', 'emails.db');
});

afterEach(() => rmSync(directory, { recursive: true }));

function program(...args: string[]): Program {
  return { main: new URL('main.ts', import.meta.url), args, env: { PERDURE_STORE: store } };
}

/** The addresses that the service was asked about, by the log. */
function asked(lines: readonly string[]): string[] {
  return lines
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .filter(({ message }) => message === 'asking about an address')
    .map(({ email }) => email);
}

/** The addresses whose outcome is in the journal. */
async function validated(): Promise<string[]> {
  const reader = sqliteReader(store);
  try {
    const [run] = (await reader.page()).runs;
    const journal = await reader.journal(run?.id as string);
    const ended = journal.filter(({ kind, name, seq }) => kind === 'action' && name === 'validateAddress' && seq !== null);
    return ended.map(({ input }) => JSON.parse(input as string)[0].email);
  } finally {
    await reader.close();
  }
}

async function runs(): Promise<RunInfo[]> {
  await using engine = await open({ store, default: false });
  return await engine.list();
}

test('prints the failures and the counts, and the same again when it has finished', async () => {
  const first = await runMain(program());
  expect(first.code).toBe(0);
  expect(first.stdout).toContain('     8  cchen.example.com                      is not an address\n');
  expect(first.stdout).toContain('\n1000 addresses: 962 valid, 38 not valid, 0 left\nThe import is complete.\n');
  expect(asked(first.stderr.split('\n'))).toHaveLength(1000);

  expect(await runMain(program())).toEqual({ code: 0, stdout: first.stdout, stderr: '' });
});

test('goes on with the same run when killed halfway, and no validated address is validated again', async () => {
  let count = 0;
  const slow = { ...program(), env: { PERDURE_STORE: store, MAIL_SERVICE_MS: '50' } };
  const log = await killMain(slow, (line) => {
    count += asked([line]).length;
    return count === 200;
  });
  const before = asked(log);
  const done = new Set(await validated());
  expect(done.size).toBeGreaterThanOrEqual(200 - AT_ONCE);
  expect(done.size).toBeLessThan(1000);

  const { code, stdout, stderr } = await runMain(program());
  expect(code).toBe(0);
  expect(stdout).toContain('1000 addresses: 962 valid, 38 not valid, 0 left');

  const after = asked(stderr.split('\n'));
  expect(after.filter((email) => done.has(email))).toEqual([]);
  expect(after).toHaveLength(1000 - done.size);
  // Asked about twice: those whose answers were on their way.
  expect(before.length - done.size).toBeLessThanOrEqual(AT_ONCE);
  expect(new Set([...before, ...after]).size).toBe(1000);

  expect(await runs()).toMatchObject([{ flow: 'importEmails', status: 'SUCCEEDED' }]);
});

test('says that the import was stopped when too many addresses are not valid', async () => {
  const bought = fileURLToPath(new URL('bought-list.csv', import.meta.url));
  const { code, stdout } = await runMain(program(bought));
  expect(code).toBe(1);
  expect(stdout).toMatch(/\n200 addresses: \d+ valid, 11 not valid, \d+ left\nMore than 5 % are not valid: the import was stopped\.\n$/);
});

test('a file that was changed is another import', async () => {
  const file = join(directory, 'mine.csv');
  writeFileSync(file, 'email\nada@example.com\n');
  expect(await runMain(program(file))).toMatchObject({
    code: 0,
    stdout: '\n1 addresses: 1 valid, 0 not valid, 0 left\nThe import is complete.\n',
  });
  writeFileSync(file, 'email\nada@example.com\ngrace@example.com\n');
  expect((await runMain(program(file))).stdout).toContain('2 addresses: 2 valid');
  expect(await runs()).toHaveLength(2);
});

test('says what is wrong with a file that is missing or has no addresses', async () => {
  const missing = join(directory, 'missing.csv');
  expect(await runMain(program(missing))).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('ENOENT') });

  const other = join(directory, 'other.csv');
  writeFileSync(other, 'name\nAda\n');
  expect(await runMain(program(other))).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('has no column "email"') });
});
