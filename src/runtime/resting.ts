/**
 * How a run, or one operation of it, waits: `stays` while something of it is under way in this process; `listens` when it waits for what comes from
 * elsewhere; `sleeps` when it goes on by itself as well, at a time (milliseconds since the epoch).
 */
export type Rest = { readonly kind: 'stays' } | { readonly kind: 'listens' } | { readonly kind: 'sleeps'; readonly untilMs: number };

export const STAYS: Rest = { kind: 'stays' };
export const LISTENS: Rest = { kind: 'listens' };

/** @param untilMs - Milliseconds since the epoch; `null`: nothing of it goes on by itself. */
export function restsUntil(untilMs: number | null): Rest {
  return untilMs === null ? LISTENS : { kind: 'sleeps', untilMs };
}

/** A run that may leave memory while it rests. */
export interface Resting {
  readonly id: string;
  readonly rest: Rest;
  /** The runs whose ends it waits for. */
  readonly awaitedRuns: readonly string[];
  /** When it had its last turn: a number of the delivery. */
  readonly lastTurn: number;
  leave(reason: Error): void;
}
