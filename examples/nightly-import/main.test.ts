import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { killMain, type Program, runMain } from '../run-main.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'nightly-import-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

function program(nights?: number, nightMs = 200): Program {
  const env = { PERDURE_STORE: join(directory, 'new', 'nightly-import.db'), NIGHT_MS: String(nightMs) };
  return { main: new URL('main.ts', import.meta.url), env: nights === undefined ? env : { ...env, NIGHTS: String(nights) } };
}

/** The number of the last order of a night. */
const afterNight = (after: number): number => after + 10 + (after % 7);

function numbersIn(stdout: string): string[] {
  return [...stdout.matchAll(/number (\d+)\n/g)].map(([, number]) => number as string);
}

test('prints a report a night, and goes on with the next when it is started again', async () => {
  const first = await runMain(program(2));
  expect({ code: first.code, numbers: numbersIn(first.stdout) }).toEqual({ code: 0, numbers: ['10', '23'] });

  const second = await runMain(program(2));
  expect({ code: second.code, numbers: numbersIn(second.stdout) }).toEqual({ code: 0, numbers: ['35', '45'] });
});

test('counts no reports of the other imports in the store', async () => {
  await runMain(program(1));
  const { stdout } = await runMain(program(2, 1000));
  const numbers = numbersIn(stdout).filter((number) => number === '10' || number === '23');
  // The other import is at 23 when it goes on.
  expect(numbers.sort()).toEqual(['10', '23', '23']);
});

test('goes on with the night in which it was killed, or the next', async () => {
  const lines = await killMain(program(), (line) => line.includes('"after":23'));
  // Another night may pass before it is dead.
  const { after } = JSON.parse(lines.at(-1) as string);
  const { stdout } = await runMain(program(1));
  expect([afterNight(after), afterNight(afterNight(after))]).toContain(Number(numbersIn(stdout)[0]));
});
