import type { Size } from '../section.js';

/** Powers of ten from the first to the last. */
export function decades(first: number, last: number): readonly number[] {
  const scales: number[] = [];
  for (let scale = first; scale <= last; scale *= 10) scales.push(scale);
  return scales;
}

/** How many of a journal or of runs there are at most. */
export const LARGEST: Record<Size, number> = { full: 100_000, quick: 10_000, tiny: 100 };

/** The scale that the others are compared with, where there are counts of things. */
export const STEADY: Record<Size, number> = { full: 1_000, quick: 1_000, tiny: 100 };

/** How many samples cost about as much as `budget` things, at so many things a sample. */
export function samplesWithin(budget: number, scale: number): number {
  return Math.min(100, Math.max(1, Math.floor(budget / scale)));
}
