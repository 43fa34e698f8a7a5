import { expect, test } from 'vitest';
import { pages, relativeLinksOf, snippetsOf } from './pages.js';

const GUIDE = 'docs/how-to/use-decorators.md';
const decorated = pages().filter((page) => snippetsOf(page).some(({ code }) => /^\s*@(flow|action)\b/m.test(code)));

test('the guide to decorators says that Node runs none', () => {
  const guide = decorated.find(({ path }) => path === GUIDE);
  expect(guide?.text).toContain('Node runs no decorators by itself');
});

test.each(decorated.filter(({ path }) => path !== GUIDE).map((page) => ({ page, path: page.path })))(
  '$path, which shows decorators, leads to the guide that says how to run them',
  ({ page }) => {
    expect(relativeLinksOf(page).map(({ target }) => target)).toContain(GUIDE);
  },
);

test('where the README says that Node runs TypeScript it says what Node does not run', () => {
  const readme = pages().find(({ path }) => path === 'README.md');
  expect(readme?.text).toMatch(/run `\.ts` files as they are, .*`await using`.* decorators/);
});
