import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { killMain, type Program, runMain } from '../run-main.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'saga-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

function program(args: readonly string[] = [], env: Record<string, string> = {}): Program {
  return { main: new URL('main.ts', import.meta.url), args, env: { PERDURE_STORE: join(directory, 'new', 'trips.db'), ...env } };
}

/** The references that the log says this of. */
function referencesOf(message: string, log: string): string[] {
  const lines = log.split('\n').filter((line) => line.includes(`"${message}"`));
  return lines.map((line) => JSON.parse(line).reference);
}

test('prints the bookings, and the same again', async () => {
  const first = await runMain(program());
  expect(first.code).toBe(0);
  const number = expect.stringMatching(/^[0-9A-F]{8}$/);
  expect(JSON.parse(first.stdout)).toEqual({ flight: number, hotel: number, car: number });
  expect(await runMain(program())).toEqual({ ...first, stderr: '' });
});

test('books nothing when the command is none of its own', async () => {
  const { code, stdout, stderr } = await runMain(program(['cancle', 'TRIP-9']));
  expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: 'usage: main.ts [book <trip id> | cancel <trip id>]\n' });
  expect(existsSync(join(directory, 'new'))).toBe(false);
});

test('goes on undoing when it is killed in the middle of that', async () => {
  const slow = program([], { SOLD_OUT: 'a small one', BOOKING_SERVICE_MS: '100' });
  const lines = await killMain(slow, (line) => line.includes('"booked no more"'));
  const log = lines.join('\n');
  expect(referencesOf('booked', log)).toEqual(['TRIP-1/flight', 'TRIP-1/hotel']);

  const { code, stdout, stderr } = await runMain(program());
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('TRIP-1: a small one is sold out');
  expect(referencesOf('booked', stderr)).toEqual([]);
  const undone = [...referencesOf('booked no more', log), ...referencesOf('booked no more', stderr)];
  // One may be undone twice: that at which it was killed.
  expect([...new Set(undone)]).toEqual(['TRIP-1/car', 'TRIP-1/hotel', 'TRIP-1/flight']);
});

test('another process cancels a trip that was killed halfway', async () => {
  const slow = { BOOKING_SERVICE_MS: '150' };
  await killMain(program([], slow), (line) => line.includes('TRIP-1/flight'));
  const { stdout, stderr } = await runMain(program(['cancel'], slow));
  expect(stdout).toBe('TRIP-1 is CANCELLED\n');
  expect(referencesOf('booked no more', stderr)).toContain('TRIP-1/flight');
});
