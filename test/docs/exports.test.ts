import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './pages.js';

const ENTRIES = [
  { entry: 'src/index.ts', page: 'docs/reference/api.md' },
  { entry: 'src/store.ts', page: 'docs/reference/api.md' },
  { entry: 'src/testing.ts', page: 'docs/reference/testing.md' },
];

test.each(ENTRIES)('$page names every export of $entry', ({ entry, page }) => {
  const reference = readFileSync(join(ROOT, page), 'utf8');
  const names = exportedNames(entry);
  expect(names).not.toEqual([]);
  expect(names.filter((name) => !new RegExp(`\`[^\`\\n]*\\b${name}\\b`).test(reference))).toEqual([]);
});

function exportedNames(path: string): string[] {
  const entry = readFileSync(join(ROOT, path), 'utf8');
  const lists = [...entry.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].map((match) => match[1] as string);
  return lists.flatMap((list) => list.split(',').map((name) => name.replace(/\btype\b/, '').trim())).filter((name) => name !== '');
}
