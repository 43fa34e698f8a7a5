import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './pages.js';

test('the API reference names every export', () => {
  const reference = readFileSync(join(ROOT, 'docs/reference/api.md'), 'utf8');
  const missing = exportedNames().filter((name) => !new RegExp(`\`[^\`\\n]*\\b${name}\\b`).test(reference));
  expect(missing).toEqual([]);
});

function exportedNames(): string[] {
  const entry = readFileSync(join(ROOT, 'src/index.ts'), 'utf8');
  const lists = [...entry.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].map((match) => match[1] as string);
  return lists.flatMap((list) => list.split(',').map((name) => name.replace(/\btype\b/, '').trim())).filter((name) => name !== '');
}
