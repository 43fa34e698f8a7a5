import { applyFixes } from 'markdownlint';
import { lint } from 'markdownlint/promise';
import { expect, test } from 'vitest';
import rule from './one-sentence-a-line.js';

/** Pages that the rule refuses, the lines that it names, and what its fix makes of them. */
const REFUSED = [
  { what: 'two sentences in one line', page: 'One. Two.\n', lines: [1], fixed: 'One.\nTwo.\n' },
  { what: 'a sentence that is broken over two lines', page: 'One is\nbroken.\n', lines: [1, 2], fixed: 'One is broken.\n' },
  {
    what: 'sentences that are broken wherever a line was full',
    page: 'One. Two is\nbroken. Three\nis too. Four.\n\nFive.\n',
    lines: [1, 1, 2, 3],
    fixed: 'One.\nTwo is broken.\nThree is too.\nFour.\n\nFive.\n',
  },
  {
    what: 'two sentences in an item of a list, and a broken one in a nested item',
    page: '- One. Two?\n  1. Three is\n     broken.\n',
    lines: [1, 2, 3],
    fixed: '- One.\n  Two?\n  1. Three is broken.\n',
  },
  { what: 'a broken sentence in a block quote', page: '> One. Two\n> is broken.\n', lines: [1, 1, 2], fixed: '> One.\n> Two is broken.\n' },
  {
    what: 'a sentence after a label',
    page: '**One.** Two, (and three.) Four.\n',
    lines: [1, 1],
    fixed: '**One.**\nTwo, (and three.)\nFour.\n',
  },
  { what: 'a sentence that begins with code', page: 'One. `two()` is code.\n', lines: [1], fixed: 'One.\n`two()` is code.\n' },
  {
    what: 'a link that is broken over two lines',
    page: 'See [the\n  page](p.md). Yes.\n',
    lines: [1, 2],
    fixed: 'See [the page](p.md).\nYes.\n',
  },
  { what: 'an abbreviation at the end of a line', page: 'One, e.g.\ntwo.\n', lines: [1, 2], fixed: 'One, e.g. two.\n' },
];

const ACCEPTED = [
  { what: 'a sentence a line', page: 'One.\nTwo!\nThree: (four; five.)\n' },
  { what: 'code, links and HTML with dots', page: 'Call `a. B. c` and [see. There](x "One. Two") or <b title="a. b">it</b>.\n' },
  { what: 'numbers, file names and dots within words', page: 'Node 22.13 reads v1.2.3 of a.db and …/b.ts, and 0.5 s later it is done.\n' },
  { what: 'abbreviations and omissions', page: 'Some, e.g. one, i.e. this, etc. are here ... and there … or so.\n' },
  { what: 'questions and remarks within a sentence', page: 'Ask "why?" and (who knows!) wait.\n' },
  {
    what: 'headings, tables, code and front matter',
    page: '---\nt: A. B\n---\n\n# A. B\n\n| A. B |\n|---|\n| C. D |\n\n```text\nA. B\nc\n```\n',
  },
  { what: 'a hard break', page: 'One  \ntwo\\\nthree.\n' },
  { what: 'a last line without a full stop', page: 'One.\nThis is what it prints:\n\n- two\n- three\n' },
];

test.each(REFUSED)('refuses $what, and mends it', async ({ page, lines, fixed }) => {
  const errors = await check(page);
  expect(errors.map(({ lineNumber }) => lineNumber).sort()).toEqual(lines);
  expect(applyFixes(page, errors)).toBe(fixed);
  expect(await check(fixed)).toEqual([]);
});

test.each(ACCEPTED)('accepts $what', async ({ page }) => {
  expect(await check(page)).toEqual([]);
});

async function check(page: string) {
  const config = { default: false, 'one-sentence-a-line': true };
  return (await lint({ strings: { page }, customRules: [rule], config }))['page'] ?? [];
}
