import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readOptions } from '../../bench/options.js';
import { GROWTH, WORKLOADS } from '../../bench/sections.js';
import { builtProgram } from '../built-program.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const PROGRAMS = {
  bench: [builtProgram(join(ROOT, 'bench/run.ts'))],
  'bench:peers': ['bench/peers/run.js'],
};

function run(program: keyof typeof PROGRAMS, args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...PROGRAMS[program], ...args], { cwd: ROOT, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe.each(Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[])('npm run %s', (program) => {
  test('prints its options', () => {
    const { status, stdout, stderr } = run(program, ['--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^usage: npm run ${program} -- `));
    expect(stdout).toMatch(/^ {2}--json FILE /m);
  });
});

test.each<[keyof typeof PROGRAMS, readonly string[], string]>([
  ['bench', ['--quik'], "Unknown option '--quik'"],
  ['bench', ['--only', '--quick'], "Option '--only"],
  ['bench', ['--only', 'w99'], 'no section has w99 in its name: '],
  ['bench', ['--build', 'missing/index.js'], '--build is missing/index.js: there is no such file'],
  ['bench', ['--json', 'missing/figures.json'], '--json is missing/figures.json: no file can be written there'],
  ['bench:peers', ['--rounds'], "Option '--rounds"],
  ['bench:peers', ['--rounds', '0'], '--rounds is 0: it is a whole number from 1'],
  ['bench:peers', ['W1'], "Unexpected argument 'W1'"],
  ['bench:peers', ['--subjects', 'toString'], 'no subject is called "toString": there are bare, '],
  ['bench:peers', ['--workloads', 'W1,constructor'], 'no workload is called "constructor": there are W1, '],
  ['bench:peers', ['--absurd-sql', 'missing.sql'], '--absurd-sql is missing.sql: there is no such file'],
  ['bench:peers', ['--json', 'bench'], '--json is bench: no file can be written there'],
])('npm run %s -- %j is refused in one line', (program, args, message) => {
  const { status, stdout, stderr } = run(program, args);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr.slice(0, message.length)).toBe(message);
  expect(stderr).toMatch(/^[^\n]* \(--help prints the options\)\n$/);
});

test.each([
  ['all', [], [...WORKLOADS, ...GROWTH]],
  ['no growth when it is quick', ['--quick'], WORKLOADS],
  ['growth when it is asked for', ['--quick', '--growth'], [...WORKLOADS, ...GROWTH]],
  ['those whose name has the word', ['--quick', '--only', 'GROWTH'], GROWTH],
])('sections: %s', (_which, args, sections) => {
  expect(readOptions(args)?.sections).toEqual(sections);
});
