/**
 * `recoveries` of a run is `{ count, seq }`: how many crashes count against it, and the last outcome of an operation that it had at the last of them.
 *
 * {@link CRASHES} is part of indexes: to change a word of it is a step of the schema.
 */

/** Whether the notes of a run's crashes have a number under this name. */
export function noted(name: 'count' | 'seq'): string {
  const number = `json_extract(recoveries, '$.${name}') BETWEEN 0 AND ${Number.MAX_SAFE_INTEGER}`;
  return `coalesce(json_valid(recoveries), 0) AND json_type(recoveries, '$.${name}') = 'integer' AND ${number}`;
}

/** How many crashes count against a run. What cannot be read counts as none: it is to harm no other run. */
export const CRASHES: string = `coalesce(CASE WHEN ${noted('count')} THEN json_extract(recoveries, '$.count') END, 0)`;
