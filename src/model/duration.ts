/** A number of milliseconds, or a number with a unit: `'150ms'`, `'5s'`, `'10m'`, `'2h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** What is longer leads to points in time that no date can hold. */
const LONGEST_MS = 4e15;

/** The milliseconds of a duration (not negative, at most some 100,000 years), or `undefined` if it is none. */
export function durationMs(input: unknown): number | undefined {
  const ms = parsedMs(input);
  return ms !== undefined && ms >= 0 && ms <= LONGEST_MS ? ms : undefined;
}

function parsedMs(input: unknown): number | undefined {
  if (typeof input === 'number') return input;
  if (typeof input !== 'string') return undefined;
  const match = PATTERN.exec(input);
  if (match === null) return undefined;
  return Number(match[1]) * (UNIT_MS[match[2] as string] as number);
}
