import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import type { Engine } from 'perdure';
import { beforeAll, expect, test, vi } from 'vitest';
import type { SqliteDatabase, SqlRow } from '../../src/store/sqlite/driver.js';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { DamagedRowsWorld, statuses, takeOver, WAIT, witness } from './damaged-rows-world.js';

const TABLES = ['perdure_runs', 'perdure_operations', 'perdure_inbox', 'perdure_workers', 'sqlite_sequence'] as const;
type Table = (typeof TABLES)[number];

/** By what the rows of each are found again. */
const PRIMARY: Readonly<Record<Table, readonly string[]>> = {
  perdure_runs: ['n'],
  perdure_operations: ['run_id', 'id'],
  perdure_inbox: ['id'],
  perdure_workers: ['id'],
  sqlite_sequence: ['name'],
};

/** What somebody may have written: literals of SQL. */
const VALUES = [
  `'garbage'`,
  `''`,
  `'{"a":1'`,
  `'{}'`,
  `'[]'`,
  `'null'`,
  `'5'`,
  `'{"a":1}'`,
  `'"text"'`,
  `'{"failures":-1,"kept":[]}'`,
  `'{"count":"many"}'`,
  `'UNKNOWN'`,
  'NULL',
  '0',
  '-5',
  '7',
  '1.5',
  '1e300',
  '9007199254740993',
  '-9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  `x'00ff'`,
];

interface Cell {
  readonly table: Table;
  readonly column: string;
  /** Finds the row again, whatever becomes of its cells. */
  readonly where: string;
  /** The run that the row belongs to, if to any. */
  readonly runId: string | undefined;
}

let world: DamagedRowsWorld;
let cells: Readonly<Record<Table, readonly Cell[]>>;
/** The runs in the file, and how each ends when all is well. */
let atFirst: readonly string[];
let expected: Record<string, string>;

/** By these the rows are found again. */
const KEYS = ['n', 'id', 'run_id'];
/** It says which tokens of callbacks are right: the answer to another is no answer, and is dropped. */
const SECRET = 'seed';
/** With another parent a run is the child of another, for the parent that it had. */
const PARENT = ['parent_run_id', 'parent_operation_id'];
/** What is written of a run when it is claimed and blocked. */
const REWRITTEN = ['worker_id', 'blocked_code', 'outcome'];

function isOver(status: string | undefined): boolean {
  return ['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(status ?? '');
}

beforeAll(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'perdure-rows-'));
  world = await DamagedRowsWorld.make(directory);
  cells = inFile(
    world.copy(),
    (database) => Object.fromEntries(TABLES.map((table) => [table, cellsOf(database, table)])) as Record<Table, Cell[]>,
  );
  atFirst = [...new Set(cells.perdure_runs.map(({ runId }) => runId as string))];
  const { engine } = await takeOver(world.copy());
  await ended(engine, atFirst);
  expected = await statuses(engine);
  await engine.close();
  return () => rmSync(directory, { recursive: true, force: true });
}, 60_000);

function inFile<T>(path: string, work: (database: SqliteDatabase) => T): T {
  const database = findDriver().connect(path);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

function cellsOf(database: SqliteDatabase, table: Table): Cell[] {
  return database
    .prepare(`SELECT * FROM ${table}`)
    .all([])
    .flatMap((row) => Object.keys(row).map((column) => cellOf(table, column, row)))
    .filter(({ table: of, column }) => of !== 'sqlite_sequence' || column === 'seq');
}

function cellOf(table: Table, column: string, row: SqlRow): Cell {
  const owner = row[table === 'perdure_runs' ? 'id' : 'run_id'];
  const where = PRIMARY[table].map((name) => `${name} = ${literal(row[name])}`).join(' AND ');
  return { table, column, where, runId: owner === undefined ? undefined : String(owner) };
}

function literal(value: unknown): string {
  if (value === null) return 'NULL';
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

/** Resolves when all of these runs have ended. */
async function ended(engine: Engine, runIds: readonly string[]): Promise<void> {
  await vi.waitFor(async () => {
    const now = await statuses(engine);
    expect(runIds.filter((id) => !isOver(now[id]))).toEqual([]);
  }, WAIT);
}

/** The runs that wait for a run, and those that they are awaited by in turn. */
function waitingFor(runId: string): string[] {
  const above = /^(.*)\/\//.exec(runId)?.[1];
  if (runId === 'given') return ['children'];
  return above === undefined ? [] : [above, ...waitingFor(above)];
}

test('a damaged row harms its own run alone, which is BLOCKED or ends as it should, and goes on when the row is mended', {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...TABLES), fc.nat(), fc.constantFrom(...VALUES), async (table, which, value) => {
      await damage(cells[table][which % cells[table].length] as Cell, value);
    }),
    {
      numRuns: Number(process.env['ROW_FUZZ'] ?? 20),
      ...(process.env['ROW_FUZZ_SEED'] === undefined ? {} : { seed: Number(process.env['ROW_FUZZ_SEED']) }),
      endOnFailure: true,
    },
  );
});

async function damage(cell: Cell, value: string): Promise<void> {
  const { table, column, where, runId } = cell;
  const path = world.copy();
  const old = inFile(path, (database) => {
    const [row] = database.prepare(`SELECT ${column} AS old, ${column} IS ${value} AS same FROM ${table} WHERE ${where}`).all([]);
    // What is there already is no damage: its run goes on, and the row changes with it.
    if (row === undefined || row['same'] === 1) return undefined;
    return writes(database, `UPDATE ${table} SET ${column} = ${value} WHERE ${where}`) ? row : undefined;
  });
  if (old === undefined) return;
  try {
    const harmed = runId === undefined ? [] : [runId, ...waitingFor(runId)];
    const others = atFirst.filter((id) => !harmed.includes(id));
    const { engine, lines } = await takeOver(path);
    await engine.start(witness, [], { id: 'witness' }).recorded();
    await engine.send('witness', 'word', 'heard');
    await ended(engine, [...others, 'witness']);
    const now = await statuses(engine);
    for (const id of others) expect([id, now[id]]).toEqual([id, expected[id]]);
    await looks(engine, column === 'id');
    expect(await engine.prune({ count: 1_000, age: '365d' })).toBe(0);
    // A child under another id is gone, for its parent.
    const alike = column === 'id' || PARENT.includes(column) ? [] : harmed.filter((id) => expected[id] !== 'FAILED');
    for (const id of alike) expect([id, now[id]]).not.toEqual([id, 'FAILED']);
    await engine.close({ timeout: 0 });
    for (const [id, code] of blocked(path)) expect([code, lines.some(({ message }) => message.includes(id))]).toEqual([code, true]);
    if (![...KEYS, ...PARENT, SECRET].includes(column) && runId !== undefined && !isOver(now[runId]))
      await mend(path, { ...cell, runId }, old['old']);
  } catch (error) {
    throw new Error(`${table}.${column} = ${value} where ${where}: ${String(error)}`, { cause: error });
  }
}

/** The row is as it was: its run goes on. */
async function mend(path: string, { table, column, where, runId }: Cell & { readonly runId: string }, old: unknown): Promise<void> {
  // Some of a run has been written again since, when it was blocked.
  const rewritten = table === 'perdure_runs' && old === null && REWRITTEN.includes(column);
  const given = rewritten ? '' : `UPDATE ${table} SET ${column} = ${literal(old)} WHERE ${where}`;
  inFile(path, (database) => writes(database, given));
  const { engine } = await takeOver(path);
  if ((await engine.get(runId)).status === 'BLOCKED') await engine.retry(runId).catch(() => {});
  await ended(engine, atFirst);
  expect(await statuses(engine)).toMatchObject(Object.fromEntries(atFirst.map((id) => [id, expected[id]])));
  await engine.close();
}

/** Nothing throws, and all of it can be shown. */
async function looks(engine: Engine, mayHaveNoId: boolean): Promise<void> {
  const all = await engine.list({ limit: 1_000 });
  expect(JSON.stringify(all)).toMatch(/^\[\{/);
  for (const { id } of all) {
    // Neither nothing nor bytes are an id: nobody can ask for that run.
    if (mayHaveNoId && ['', '00ff'].includes(id)) continue;
    expect(JSON.stringify(await engine.get(id))).toContain('"status"');
    expect(JSON.stringify(await engine.operations(id))).toMatch(/^\[/);
  }
}

/** The ids of runs that are blocked in the file, and why. */
function blocked(path: string): [string, string][] {
  const query = `SELECT id, blocked_code FROM perdure_runs WHERE status = 'BLOCKED'`;
  return inFile(path, (database) =>
    database
      .prepare(query)
      .all([])
      .map((row) => [String(row['id']), String(row['blocked_code'])]),
  );
}

/** Whether a statement is carried out: not everything may be written everywhere. */
function writes(database: SqliteDatabase, statement: string): boolean {
  try {
    database.exec(statement);
    return true;
  } catch {
    return false;
  }
}
