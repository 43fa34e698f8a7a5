import { expect, test } from 'vitest';
import { pages, snippetsOf } from './pages.js';
import { isTest, onlyDeclares, promisedBy, runSnippet } from './run-snippet.js';

/** Pages of which every snippet that can be run is run. On the others, those that say what they print, and files of tests. */
const RUN_WHOLE = ['docs/reference/parallel.md', 'docs/reference/map.md', 'docs/how-to/run-branches-in-parallel.md'];

const snippets = pages()
  .flatMap(snippetsOf)
  .filter(({ info }) => info === 'ts');
const running = snippets.filter((snippet) => isTest(snippet) || promisedBy(snippet).length > 0);

test.each(RUN_WHOLE)('every snippet of %s that can be run says what it prints', (path) => {
  const ofPage = snippets.filter(({ page }) => page.path === path);
  const silent = ofPage.filter((snippet) => !onlyDeclares(snippet) && !running.includes(snippet));
  expect(ofPage.length).toBeGreaterThan(0);
  expect(silent.map(({ line }) => line)).toEqual([]);
});

test.each(running.map((snippet) => ({ snippet, at: `${snippet.page.path}:${snippet.line}` })))(
  'the snippet at $at runs, and prints what it says',
  async ({ snippet }) => {
    expect(await runSnippet(snippet)).toEqual(promisedBy(snippet));
  },
);
