import type { BlockedCode } from '../../model/statuses.js';
import { SUSPECT_FROM } from '../../model/suspects.js';
import type { FlowEntry, SuspectQuery } from '../store.js';
import { Line } from './line.js';
import type { StoredRun } from './stored-run.js';

/** What a run of a flow and version waits for. */
type Wait = 'ready' | 'suspect' | 'homeless' | 'homeless suspect';

/** The runs of one flow and version that may be claimed, by what each waits for; the oldest first. */
type Kind = Readonly<Record<Wait, Line<StoredRun>>>;

/**
 * The unfinished runs without an owner, in the order in which they are claimed.
 *
 *   MO1  A run is in one line by its record: one that may be claimed in a line of its flow and version, one that sleeps by when it wakes.
 *   MO2  What is asked for takes no longer with many orphans than with few, but for the list of those that are blocked.
 */
export class Orphans {
  readonly #kinds = new Map<string, Kind>();
  readonly #sleepers = new Set<StoredRun>();
  readonly #alarms = new Line<StoredRun>();
  readonly #blocked = new Set<StoredRun>();

  /** How many sleep. */
  get asleep(): number {
    return this.#sleepers.size;
  }

  /** When the first sleeper is due. */
  get nextDueAt(): number | undefined {
    return this.#alarms.firstKey;
  }

  add(stored: StoredRun): void {
    const { status, wakeAt } = stored.run;
    if (status === 'SUSPENDED') {
      this.#sleepers.add(stored);
      if (wakeAt !== null) this.#alarms.join(stored, wakeAt);
      return;
    }
    if (status === 'BLOCKED') this.#blocked.add(stored);
    const wait = waitOf(stored);
    if (wait !== undefined) this.#kindOf(stored)[wait].join(stored, placeOf(stored));
  }

  /** To be called before its record changes. */
  delete(stored: StoredRun): void {
    if (this.#sleepers.delete(stored)) this.#alarms.leave(stored);
    this.#blocked.delete(stored);
    const wait = waitOf(stored);
    if (wait !== undefined) this.#kindOf(stored)[wait].leave(stored);
  }

  /** A sleeper that is due. */
  due(nowMs: number): StoredRun | undefined {
    const first = this.nextDueAt;
    return first !== undefined && first <= nowMs ? this.#alarms.first : undefined;
  }

  /** The oldest that a worker may take. */
  claimable(query: SuspectQuery): StoredRun | undefined {
    return firstOf(this.#of(query).flatMap(({ ready, homeless }) => [ready.first, homeless.first]));
  }

  /**
   * The oldest of a flow and version that a worker does not have, nor any other, and that is not blocked for that yet.
   *
   * @param have - Whether any living worker has registered the flow and version.
   */
  unknown({ flows }: SuspectQuery, have: (entry: FlowEntry) => boolean): StoredRun | undefined {
    const known = new Set(flows.map(({ flow, version }) => keyOf(flow, version)));
    const others = [...this.#kinds].flatMap(([key, kind]) => (known.has(key) ? [] : kind));
    return firstOf(others.flatMap(({ ready, suspect }) => [ready.first, suspect.first]).filter((first) => first && !have(first.run)));
  }

  /** The suspect that a worker is to try next. */
  suspect(query: SuspectQuery): StoredRun | undefined {
    return firstOf(this.#of(query).flatMap((kind) => [kind.suspect.first, kind['homeless suspect'].first]));
  }

  blockedBy(code: BlockedCode): StoredRun[] {
    return [...this.#blocked].filter(({ run }) => run.blockedCode === code).sort((a, b) => a.n - b.n);
  }

  #of({ flows }: SuspectQuery): Kind[] {
    return flows.flatMap(({ flow, version }) => this.#kinds.get(keyOf(flow, version)) ?? []);
  }

  #kindOf({ run: { flow, version } }: StoredRun): Kind {
    const key = keyOf(flow, version);
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    const kind: Kind = { ready: new Line(), suspect: new Line(), homeless: new Line(), 'homeless suspect': new Line() };
    this.#kinds.set(key, kind);
    return kind;
  }
}

function keyOf(flow: string, version: number): string {
  return `${version} ${flow}`;
}

function waitOf({ run: { status, blockedCode, crashes } }: StoredRun): Wait | undefined {
  if (status === 'SUSPENDED' || (status === 'BLOCKED' && blockedCode !== 'FLOW_NOT_REGISTERED')) return undefined;
  const suspected = crashes >= SUSPECT_FROM;
  if (status === 'BLOCKED') return suspected ? 'homeless suspect' : 'homeless';
  return suspected ? 'suspect' : 'ready';
}

/** More runs than there ever are. */
const RUNS = 1e12;

/** The oldest come first, of suspects those with the fewest crashes. */
function placeOf({ n, run: { crashes } }: StoredRun): number {
  return crashes >= SUSPECT_FROM ? crashes * RUNS + n : n;
}

function firstOf(runs: readonly (StoredRun | undefined)[]): StoredRun | undefined {
  let first: StoredRun | undefined;
  for (const run of runs) if (run !== undefined && (first === undefined || placeOf(run) < placeOf(first))) first = run;
  return first;
}
