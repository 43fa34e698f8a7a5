import { Slices } from '../../clock/slices.js';
import { behind, type IdRange, type OutlineEntry, outlineLine, placeIn, rangeOf } from '../outline.js';
import type { OperationLine, OutlineRange } from '../reader.js';
import type { SqlRow } from './driver.js';
import { ROWS_A_PAGE } from './long-read.js';
import { safeNumber } from './rows.js';
import type { Rows } from './run-pages.js';

const NUMBERS = ['seq', 'started_at', 'finished_at', 'due_at'].map((column) => `${safeNumber(column)} AS ${column}`).join(', ');
const SELECT = `SELECT id, kind, name, status, child_run_id, ${NUMBERS} FROM perdure_operations WHERE run_id = ?`;
const ORDER = 'ORDER BY id LIMIT ?';
/** How many rows are read where what lies in the operations is stepped over. */
const STEPPING = 8;

/** Reads what is told of the entries of a journal, in pieces. What lies in an operation is stepped over where only a scope is asked for. */
export async function readOutline(rows: Rows, runId: string, range: OutlineRange): Promise<OperationLine[]> {
  const { scope, status, after, limit } = range;
  if (status !== undefined) return readOfStatus(rows, runId, { ...range, status });
  const slices = new Slices();
  const lines: OperationLine[] = [];
  if (scope === undefined) {
    for (let last = after ?? ''; lines.length < limit; ) {
      if (slices.over) await slices.next();
      const atMost = Math.min(limit - lines.length, ROWS_A_PAGE);
      const found = rows(`${SELECT} AND id > ? ${ORDER}`, [runId, last, atMost]);
      for (const entry of found.map(entryOf)) lines.push(outlineLine(entry.id, entry));
      if (found.length < atMost) break;
      last = found.at(-1)?.['id'] as string;
    }
    return lines;
  }
  let left: IdRange | undefined = rangeOf(scope, after);
  for (let most = ROWS_A_PAGE; left !== undefined && lines.length < limit; ) {
    if (slices.over) await slices.next();
    const atMost = Math.min(most, limit - lines.length + 1);
    const entries: OutlineEntry[] = rows(`${SELECT} AND id >= ? AND id < ? ${ORDER}`, [runId, left.from, left.end, atMost]).map(entryOf);
    const { places, steppedOver } = placesOf(entries, scope);
    for (const [place, entry] of places) if (lines.length < limit) lines.push(outlineLine(place, entry));
    most = steppedOver ? STEPPING : ROWS_A_PAGE;
    const last: string | undefined = places.at(-1)?.[0];
    left = last === undefined || (entries.length < atMost && !steppedOver) ? undefined : { ...left, from: behind(last) };
  }
  return lines;
}

/** How many entries are looked at in one piece. */
const LOOKED_AT = 2_000;
const NEXT_PIECE = 'SELECT id FROM perdure_operations WHERE run_id = ? AND id > ? ORDER BY id LIMIT 1 OFFSET ?';

/** Of many entries few may have the status. */
async function readOfStatus(
  rows: Rows,
  runId: string,
  { status, after, limit }: OutlineRange & { readonly status: string },
): Promise<OperationLine[]> {
  const slices = new Slices();
  const lines: OperationLine[] = [];
  for (let last = after ?? ''; ; ) {
    if (slices.over) await slices.next();
    const end = rows(NEXT_PIECE, [runId, last, LOOKED_AT - 1])[0]?.['id'];
    const [within, values] = typeof end === 'string' ? ['AND id <= ?', [end]] : ['', []];
    const atMost = Math.min(limit - lines.length, ROWS_A_PAGE);
    const found = rows(`${SELECT} AND id > ? ${within} AND status = ? ${ORDER}`, [runId, last, ...values, status, atMost]);
    for (const entry of found.map(entryOf)) lines.push(outlineLine(entry.id, entry));
    if (lines.length === limit) return lines;
    if (found.length === atMost) last = found.at(-1)?.['id'] as string;
    else if (typeof end === 'string') last = end;
    else return lines;
  }
}

interface Places {
  readonly places: readonly (readonly [place: string, entry: OutlineEntry])[];
  /** Whether there were entries within a place: the rest was not looked at, since they may be very many. */
  readonly steppedOver: boolean;
}

function placesOf(entries: readonly OutlineEntry[], scope: string): Places {
  const places: [string, OutlineEntry][] = [];
  for (const entry of entries) {
    const place = placeIn(scope, entry.id);
    const known = places.at(-1)?.[0] === place;
    if (!known) places.push([place, entry]);
    if (place !== entry.id) return { places, steppedOver: true };
  }
  return { places, steppedOver: false };
}

/** The types are taken on trust, as in a journal. */
function entryOf(row: SqlRow): OutlineEntry {
  return {
    id: row['id'] as string,
    kind: row['kind'] as OutlineEntry['kind'],
    name: row['name'] as string,
    status: row['status'] as OutlineEntry['status'],
    seq: row['seq'] as number | null,
    startedAt: row['started_at'] as number,
    finishedAt: row['finished_at'] as number | null,
    dueAt: row['due_at'] as number | null,
    childRunId: row['child_run_id'] as string | null,
  };
}
