import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import type { SqliteDatabase } from '../src/store/sqlite/driver.js';
import { findDriver } from '../src/store/sqlite/find-driver.js';
import { type Figure, medianBy, pause, percentiles, perSecond, timeMs } from './measure.js';
import { roundsOf, type Setting, scaled } from './section.js';

const VALUE = '{"status":"SUCCEEDED","value":12345}';
const ROWS_A_STATEMENT = 100;
const ROWS_A_COMMIT = 5_000;

/** Appending 200 bytes and syncing them. */
export async function syncs(setting: Setting): Promise<Figure> {
  const count = scaled(10_000, setting);
  const file = openSync(setting.file(), 'a');
  const bytes = Buffer.alloc(200, 'x');
  const elapsedMs = await timeMs(() => {
    for (let n = 0; n < count; n += 1) {
      writeSync(file, bytes);
      fdatasyncSync(file);
    }
  });
  closeSync(file);
  return { workload: 'append and fdatasync', subject: 'file', value: perSecond(count, elapsedMs), unit: 'syncs/s' };
}

/** One insert per commit. */
export function commits(setting: Setting): Promise<Figure> {
  return rateOn(setting, {
    workload: 'one insert a commit',
    unit: 'commits/s',
    count: scaled(10_000, setting),
    fill: (database, count) => {
      const insert = singleInsert(database);
      for (let n = 0; n < count; n += 1) insert(n);
    },
  });
}

/** Three inserts in commits of their own, after a pause: what a flow of one action has to wait for. p50 in milliseconds. */
export async function threeCommitsMs(setting: Setting): Promise<Figure> {
  const latencies: number[] = [];
  const subject = await onBareTable(setting, async (database) => {
    const insert = singleInsert(database);
    for (let n = 0; n < scaled(500, setting); n += 1) {
      await pause();
      latencies.push(
        await timeMs(() => {
          for (let commit = 0; commit < 3; commit += 1) insert(n);
        }),
      );
    }
  });
  return { workload: 'three commits on an idle connection, p50', subject, value: percentiles(latencies).p50, unit: 'ms' };
}

/** Commits of 100 inserts, a row each. */
export function batchedInserts(setting: Setting): Promise<Figure> {
  return rateOn(setting, {
    workload: '100 inserts a commit',
    unit: 'rows/s',
    count: scaled(100_000, setting),
    fill: (database, count) => {
      const insert = singleInsert(database);
      inCommitsOf(database, 100, count, insert);
    },
  });
}

/** Commits of 5,000 rows, 100 a statement. */
export function multiRowInserts(setting: Setting): Promise<Figure> {
  return rateOn(setting, {
    workload: '100 rows an insert, 5,000 a commit',
    unit: 'rows/s',
    count: Math.ceil(scaled(300_000, setting) / ROWS_A_STATEMENT) * ROWS_A_STATEMENT,
    fill: (database, count) => {
      const insert = database.prepare(`INSERT INTO t (a, b) VALUES ${Array<string>(ROWS_A_STATEMENT).fill('(?, ?)').join(', ')}`);
      inCommitsOf(database, ROWS_A_COMMIT / ROWS_A_STATEMENT, count / ROWS_A_STATEMENT, (statement) => {
        const values: string[] = [];
        for (let row = 0; row < ROWS_A_STATEMENT; row += 1) values.push(nameOf(statement * ROWS_A_STATEMENT + row), VALUE);
        insert.run(values);
      });
    },
  });
}

/** What the machine can do at all; each the median of the rounds. */
export async function* limits(setting: Setting): AsyncGenerator<Figure> {
  const measured: Figure[][] = [];
  for (let round = 0; round < roundsOf(setting); round += 1) {
    for (const [index, limit] of [syncs, commits, batchedInserts, multiRowInserts].entries()) {
      measured[index] = [...(measured[index] ?? []), await limit(setting)];
    }
  }
  for (const rounds of measured) yield medianBy(rounds, ({ value }) => value);
}

/** How fast a bare table is filled. */
async function rateOn(
  setting: Setting,
  options: {
    readonly workload: string;
    readonly unit: string;
    /** Rows. */
    readonly count: number;
    readonly fill: (database: SqliteDatabase, count: number) => void;
  },
): Promise<Figure> {
  const { workload, unit, count, fill } = options;
  let elapsedMs = Number.NaN;
  const subject = await onBareTable(setting, async (database) => {
    elapsedMs = await timeMs(() => fill(database, count));
  });
  return { workload, subject, value: perSecond(count, elapsedMs), unit };
}

/** Works with a table on a bare connection, of the driver and with the settings that perdure takes; returns what that is called. */
async function onBareTable(setting: Setting, work: (database: SqliteDatabase) => Promise<void>): Promise<string> {
  const driver = findDriver();
  const database = driver.connect(setting.file());
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)');
  await work(database);
  database.close();
  return `${driver.name}, FULL`;
}

function singleInsert(database: SqliteDatabase): (n: number) => void {
  const insert = database.prepare('INSERT INTO t (a, b) VALUES (?, ?)');
  return (n) => insert.run([nameOf(n), VALUE]);
}

function inCommitsOf(database: SqliteDatabase, size: number, count: number, work: (n: number) => void): void {
  for (let n = 0; n < count; ) {
    database.exec('BEGIN');
    for (const end = Math.min(count, n + size); n < end; n += 1) work(n);
    database.exec('COMMIT');
  }
}

function nameOf(n: number): string {
  return `operation ${n}`;
}
