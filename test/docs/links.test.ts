import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { anchorsOf, type Link, pages, ROOT, relativeLinksOf } from './pages.js';

const byPath = new Map(pages().map((page) => [page.path, page]));

test.each([...byPath.values()])('every relative link of $path leads somewhere', (page) => {
  expect(relativeLinksOf(page).filter(isBroken).map(show)).toEqual([]);
});

test('every page of the documentation can be reached from its index', () => {
  const reached = new Set<string>();
  const next = ['docs/README.md'];
  for (let path = next.pop(); path !== undefined; path = next.pop()) {
    const page = byPath.get(path);
    if (page === undefined || reached.has(path)) continue;
    reached.add(path);
    next.push(...relativeLinksOf(page).map(({ target }) => target));
  }
  const docs = [...byPath.keys()].filter((path) => path.startsWith('docs/'));
  expect(docs.filter((path) => !reached.has(path))).toEqual([]);
});

function isBroken({ target, anchor }: Link): boolean {
  if (target.startsWith('..') || !existsSync(join(ROOT, target))) return true;
  if (anchor === undefined) return false;
  const page = byPath.get(target);
  return page === undefined || !anchorsOf(page).has(anchor);
}

function show({ target, anchor }: Link): string {
  return anchor === undefined ? target : `${target}#${anchor}`;
}
