import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { beside } from '../../bench/beside.js';
import type { Figure } from '../../bench/measure.js';
import type { Section, Setting } from '../../bench/section.js';
import { GROWTH, WORKLOADS } from '../../bench/sections.js';
import { lineOf } from '../../bench/table.js';
import { builtProgram } from '../built-program.js';

const LIBRARY = fileURLToPath(new URL('../../src/index.ts', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'perdure-bench-test-'));
let files = 0;
const setting: Setting = {
  size: 'tiny',
  file: () => {
    files += 1;
    return join(directory, `${files}.db`);
  },
  children: { module: pathToFileURL(builtProgram(LIBRARY)).href, nodeArguments: [] },
};
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const SECTIONS = [...WORKLOADS, ...GROWTH];
const SQLITE = 'perdure, SQLite';
const BOTH = [SQLITE, 'perdure, memory'];

/** The rows of a section: what is measured of perdure, on which stores, and what that is compared with. */
interface Expected {
  readonly limits?: readonly string[];
  readonly workloads: readonly string[];
  readonly subjects: readonly string[];
  /** The workloads that have no ratio. */
  readonly unrated?: readonly string[];
}

const COMMITS = 'one insert a commit';
const MULTI_ROW = '100 rows an insert, 5,000 a commit';
const WAIT = 'longest wait of a small run beside it';
const STANDSTILL = 'longest standstill of the loop';
const OPEN = 'until open() is back';
const LOOKS = ['list() of the newest 100', 'check() of a flow', 'prune() of half of them'];
const EXPECTED: Record<string, Expected> = {
  limits: { limits: ['append and fdatasync', COMMITS, '100 inserts a commit', MULTI_ROW], workloads: [], subjects: [] },
  'W1 sequence': { limits: [COMMITS], workloads: ['W1 20 actions in sequence'], subjects: BOTH },
  'W2 fan-out': { limits: [MULTI_ROW], workloads: ['W2 40 actions at once'], subjects: BOTH },
  'W3 flows': { limits: [MULTI_ROW, 'peak memory up to here'], workloads: ['W3 20 flows of 3 actions'], subjects: BOTH },
  'W4 latency': {
    limits: ['three commits on an idle connection, p50'],
    workloads: ['W4 latency of a one-action flow, p50', 'W4 latency of a one-action flow, p99'],
    subjects: BOTH,
  },
  'W5 recovery': { limits: ['a start of bare Node'], workloads: ['W5 recovery after 10 actions'], subjects: [SQLITE] },
  'W6 parked runs': {
    limits: ['a start of bare Node'],
    workloads: ['heap of one', 'RSS of one', 'start until open() is back', 'start until a run has gone on', 'heap of the next process'].map(
      (what) => `W6 100 parked runs: ${what}`,
    ),
    subjects: [SQLITE],
    unrated: ['heap of one', 'RSS of one', 'heap of the next process'].map((what) => `W6 100 parked runs: ${what}`),
  },
  replay: { workloads: ['replay of 40 outcomes'], subjects: [SQLITE], unrated: ['replay of 40 outcomes'] },
  batches: {
    workloads: ['futures: 40 actions', 'parallel: 40 actions', 'futures: 400 actions', 'map: 400 actions', 'map, 100 at once: 400 actions'],
    subjects: BOTH,
    unrated: ['futures: 40 actions', 'futures: 400 actions'],
  },
  smooth: {
    workloads: [
      ...smoothly('120 branches at once', ['until it is done', WAIT, STANDSTILL]),
      ...smoothly('120 runs to recover', ['until it is done', OPEN, WAIT, STANDSTILL]),
      ...smoothly('200 branches to recover, ended', ['until it is done', OPEN, WAIT, STANDSTILL]),
      ...smoothly('200 branches to recover, half ended', ['until it is done', OPEN, WAIT, STANDSTILL]),
      ...smoothly('80 queued messages of one run', ['until it is done', OPEN, WAIT, STANDSTILL]),
      ...smoothly('400 operations, told by operations()', ['until it is done', STANDSTILL]),
      'parallel of 120 actions beside futures',
      'map of 120 actions beside futures',
      'map of 400 actions: peak memory',
    ],
    subjects: [SQLITE],
    unrated: [
      ...['120 branches at once', '120 runs to recover', '400 operations, told by operations()'].flatMap((load) =>
        smoothly(load, ['until it is done']),
      ),
      ...['200 branches to recover, ended', '200 branches to recover, half ended', '80 queued messages of one run'].flatMap((load) =>
        smoothly(load, [OPEN]),
      ),
    ],
  },
  'smooth, a million runs': {
    workloads: LOOKS.flatMap((look) => smoothly(`${look}, 4000 runs`, ['until it is done', STANDSTILL])),
    subjects: [SQLITE],
    unrated: LOOKS.flatMap((look) => smoothly(`${look}, 4000 runs`, ['until it is done'])),
  },
  'growth, journal in sequence': growth('journal in sequence', ['10 operations', '100 operations']),
  'growth, journal as a fan-out': growth('journal as a fan-out', ['10 operations', '100 operations']),
  'growth, concurrent runs': growth('concurrent runs', ['1 flow', '10 flows', '100 flows']),
  'growth, payloads': growth('payloads', ['10 B', '100 B', '1 kB']),
};

function smoothly(load: string, whats: readonly string[]): string[] {
  return whats.map((what) => `${load}: ${what}`);
}

function growth(name: string, scales: readonly string[]): Expected {
  return { workloads: scales.map((scale) => `growth, ${name}: ${scale}`), subjects: BOTH };
}

async function figuresOf({ measure }: Section): Promise<Figure[]> {
  const figures: Figure[] = [];
  for await (const figure of measure(setting)) figures.push(figure);
  return figures;
}

test('there is something to expect of every section', () => {
  expect(SECTIONS.map(({ name }) => name)).toEqual(Object.keys(EXPECTED));
});

/** They measure processes of their own, so they need not wait for each other. */
const ELSEWHERE = ['W5 recovery', 'W6 parked runs', 'batches', 'smooth', 'smooth, a million runs'];
const [elsewhere, here] = [true, false].map((where) => SECTIONS.filter(({ name }) => ELSEWHERE.includes(name) === where));
const TITLE = '$name gives a figure for each workload and subject';
test.concurrent.each(elsewhere!)(TITLE, { timeout: 60_000 }, expectFigures);
test.each(here!)(TITLE, expectFigures);

async function expectFigures(section: Section): Promise<void> {
  const { limits = [], workloads, subjects, unrated = [] } = EXPECTED[section.name]!;
  const figures = await figuresOf(section);

  const ofPerdure = workloads.flatMap((workload) => subjects.map((subject) => `${workload} | ${subject}`));
  const names = figures.map(({ workload, subject }) => (limits.includes(workload) ? workload : `${workload} | ${subject}`));
  expect(names.sort()).toEqual([...limits, ...ofPerdure].sort());

  for (const { workload, value, ratio } of figures) {
    expect(value, workload).toSatisfy(Number.isFinite);
    // What the system gives back elsewhere can outweigh a hundred runs.
    if (!workload.endsWith('RSS of one')) expect(value, workload).toBeGreaterThan(0);
    if (limits.includes(workload) || unrated.includes(workload)) expect(ratio, workload).toBeUndefined();
    else for (const each of [ratio!.value, ...(ratio!.rounds ?? [])]) expect(each > 0 && Number.isFinite(each), workload).toBe(true);
  }
}

test('a line of the table has the value, the ratio with its rounds, and the notes', () => {
  const figure: Figure = {
    workload: 'W',
    subject: 'S',
    value: 12_345.6,
    unit: 'actions/s',
    ratio: { value: 0.5, to: 'limit', rounds: [0.4, 0.5, 0.61] },
    notes: 'p50 1 ms',
  };
  expect(lineOf(figure)).toBe('W, S, 12,346 actions/s, 0.500 × limit (0.400, 0.500, 0.610), p50 1 ms');
});

test('a ratio is the median of the ratios of each round, in units of the limit', async () => {
  const next = (workload: string, values: number[]) => async (): Promise<Figure> => ({
    workload,
    subject: 'S',
    value: values.shift()!,
    unit: 'rows/s',
  });
  const contender = { measure: next('W', [50, 20, 10]), weight: 5 };
  expect(await beside(next('limit', [1_000, 50, 100]), [contender], 3)).toEqual([
    { workload: 'limit', subject: 'S', value: 100, unit: 'rows/s' },
    { workload: 'W', subject: 'S', value: 10, unit: 'rows/s', ratio: { value: 0.5, to: 'limit', rounds: [0.25, 2, 0.5] } },
  ]);
});
