import type { Figure } from './measure.js';

/** How much work is done: all of it, a tenth or less, or as little as shows that it works. */
export type Size = 'full' | 'quick' | 'tiny';

/** Where and how much is measured. */
export interface Setting {
  readonly size: Size;
  /** The path of a file that is not there yet. */
  readonly file: () => string;
  /** How processes of their own find perdure. */
  readonly children: {
    /** The URL of the module that they import. */
    readonly module: string;
    /** What Node needs to load it. */
    readonly nodeArguments: readonly string[];
  };
}

/** A part of the benchmark that can be asked for by name. */
export interface Section {
  readonly name: string;
  readonly measure: (setting: Setting) => AsyncIterable<Figure>;
}

/** perdure on one of its stores. */
export interface Subject {
  readonly name: string;
  /** A new store of this kind, for `open()`. */
  readonly store: (setting: Setting) => string;
}

export const SQLITE: Subject = { name: 'perdure, SQLite', store: ({ file }) => file() };
export const MEMORY: Subject = { name: 'perdure, memory', store: () => ':memory:' };
export const SUBJECTS: readonly Subject[] = [SQLITE, MEMORY];

const DIVISORS: Record<Size, number> = { full: 1, quick: 10, tiny: 250 };

/** How many there are of what a full run has `full` of. */
export function scaled(full: number, { size }: Setting): number {
  return Math.ceil(full / DIVISORS[size]);
}

/** How often limits and workloads take turns. */
export function roundsOf({ size }: Setting): number {
  return size === 'tiny' ? 1 : 3;
}
