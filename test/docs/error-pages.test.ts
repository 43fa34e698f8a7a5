import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ERROR_CODES } from 'perdure';
import { expect, test } from 'vitest';
import { errorPages, ROOT } from './pages.js';

const codes = Object.keys(ERROR_CODES).sort();

test('every error code has a page, and every page is of a code', () => {
  expect(errorPages().map(({ path }) => basename(path, '.md'))).toEqual(codes);
});

test('the first heading of an error page is its code', () => {
  const headings = errorPages().map(({ text }) => /^# (.*)$/m.exec(text)?.[1]);
  expect(headings).toEqual(codes);
});

test('every error page says what happened, why, and what to do', () => {
  const sections = ['What happened', 'Why', 'What to do'];
  const incomplete = errorPages().filter(({ text }) => !sections.every((section) => text.includes(`\n## ${section}\n`)));
  expect(incomplete.map(({ path }) => path)).toEqual([]);
});

test('the table of codes has each code once, with what the library says of it', () => {
  const table = readFileSync(join(ROOT, 'docs/reference/errors/README.md'), 'utf8');
  const rows = [...table.matchAll(/^\| \[`(\w+)`\]\((\w+)\.md\) \| (.*?) \|/gm)].map(([, code, page, meaning]) => [code, page, meaning]);
  const expected = Object.entries(ERROR_CODES).map(([code, meaning]) => [code, code, meaning]);
  expect(rows.sort()).toEqual(expected.sort());
});
