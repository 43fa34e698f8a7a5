import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** What looks like one and is none: the workloads of the benchmarks, and the committee behind decorators. */
const OTHERS = /^(W[1-6]|TC39)$/;

interface Mention {
  readonly id: string;
  readonly path: string;
}

function typescript(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('node_modules') && !path.startsWith(join('test', 'tools')));
}

function mentions(directory: string, pattern: RegExp): Mention[] {
  return typescript(directory).flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(pattern)].flatMap(([, ids]) =>
      (ids as string).split(/, | and /).map((id): Mention => ({ id, path })),
    ),
  );
}

/** Invariants as the heads of files number them. */
const defined = mentions('src', /^ \* {3}([A-Z]{1,3}[1-9]\d?) {2}/gm);

/** Invariants as comments and names of tests cite them. */
const cited = ['src', 'test'].flatMap((directory) =>
  mentions(directory, /\(([A-Z]{1,3}[1-9]\d?(?:(?:, | and )[A-Z]{1,3}[1-9]\d?)*)[);,]/g),
);

test('invariants are numbered, each once, and with a prefix that only one file has', () => {
  expect(defined.length).toBeGreaterThan(100);
  const ids = defined.map(({ id }) => id);
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  const files = new Map<string, Set<string>>();
  for (const { id, path } of defined) {
    const prefix = id.replace(/\d+$/, '');
    files.set(prefix, (files.get(prefix) ?? new Set()).add(path));
  }
  expect([...files].filter(([, paths]) => paths.size > 1).map(([prefix, paths]) => [prefix, ...paths])).toEqual([]);
});

test('every invariant that is cited is defined', () => {
  const known = new Set(defined.map(({ id }) => id));
  const unknown = cited.filter(({ id }) => !known.has(id) && !OTHERS.test(id));
  expect(cited.length).toBeGreaterThan(100);
  expect(unknown).toEqual([]);
});
