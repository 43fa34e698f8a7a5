import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const page = readFileSync('docs/explanation/architecture.md', 'utf8');

/** The first cells of the table below a heading. */
function firstCells(heading: string): string[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^\| `([^`]+)`/gm)].map(([, cell]) => cell as string);
}

test('every file that the architecture names exists', () => {
  const named = new Set([...page.matchAll(/(?:src\/)?([a-z-]+(?:\/[a-z-]+)*\/[a-z-]+\.ts)/g)].map(([, path]) => `src/${path}`));
  expect(named.size).toBeGreaterThan(30);
  expect([...named].filter((path) => !existsSync(path))).toEqual([]);
});

test('its table has twenty rules, each with a file of its own', () => {
  const rows = [...(page.split('\n## Twenty rules')[1] ?? '').matchAll(/^\| .* \| `(src\/[^`]+)` \|$/gm)].map(([, path]) => path);
  expect(rows).toHaveLength(20);
  expect(new Set(rows).size).toBe(20);
});

test('it names every room of the sources and of the runtime', () => {
  const folders = (path: string): string[] =>
    readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `${name}/`);
  const named = firstCells('Rooms');
  expect(named.filter((name) => name.endsWith('/')).sort()).toEqual([...folders('src'), ...folders('src/runtime')].sort());
});

test('no source file has more than 400 lines, comments and blank lines included', () => {
  const lines = (path: string): number => readFileSync(path, 'utf8').split('\n').length - 1;
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  expect(sources.length).toBeGreaterThan(200);
  expect(sources.map((path) => ({ path, lines: lines(`src/${path}`) })).filter((file) => file.lines > 400)).toEqual([]);
});
