import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { killMain, type Program, runMain, start } from '../run-main.js';

const main = new URL('main.ts', import.meta.url);

let directory: string;
let env: Record<string, string>;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'approval-'));
  env = { PERDURE_STORE: join(directory, 'new', 'approval.db') };
});

afterEach(() => rmSync(directory, { recursive: true }));

function program(...args: string[]): Program {
  return { main, args, env };
}

function tokenIn(line: string): string | undefined {
  return line.includes('please approve') ? JSON.parse(line).token : undefined;
}

test('goes on when another process answers', async () => {
  const child = start(program());
  onTestFinished(() => void child.kill('SIGKILL'));
  const stdout = text(child.stdout);
  for await (const line of createInterface({ input: child.stderr })) {
    const token = tokenIn(line);
    if (token !== undefined) expect(await runMain(program('approve', token))).toMatchObject({ code: 0, stdout: 'thank you\n' });
  }
  expect(await stdout).toBe('EXP-1 is approved by manager\n');
});

test('can be answered while nobody waits', async () => {
  const lines = await killMain(program(), (line) => tokenIn(line) !== undefined);
  const [token = ''] = lines.flatMap((line) => tokenIn(line) ?? []);

  expect(await runMain(program('reject', token))).toMatchObject({ code: 0, stdout: 'thank you\n' });
  expect(await runMain(program())).toMatchObject({ code: 0, stdout: 'EXP-1 is refused by manager\n' });
  expect(await runMain(program('approve', token))).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('is SUCCEEDED') });
});

test('refuses a token that it has not given out', async () => {
  expect(await runMain(program('approve', 'anything'))).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('token') });
});
