import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top of the repository. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** A Markdown file of the repository. */
export interface Page {
  /** From the top of the repository. */
  readonly path: string;
  readonly text: string;
}

/** A fenced block of code. */
export interface Snippet {
  readonly page: Page;
  /** Of its first line of code, from 1. */
  readonly line: number;
  /** What stands behind the fence, such as `ts` or `ts ignore`. */
  readonly info: string;
  readonly code: string;
}

/** A link of a page to something in the repository. */
export interface Link {
  readonly page: Page;
  /** What it leads to, from the top of the repository. */
  readonly target: string;
  /** What stands behind the `#`, if anything. */
  readonly anchor: string | undefined;
}

/** Every page for users and contributors: those at the top, the documentation, and the examples'. */
export function pages(): Page[] {
  return [...markdownIn('', false), ...markdownIn('docs', true), ...markdownIn('examples', true)];
}

/** The pages in `docs/reference/errors/`, but its table. */
export function errorPages(): Page[] {
  return markdownIn('docs/reference/errors', false).filter(({ path }) => !path.endsWith('README.md'));
}

export function snippetsOf(page: Page): Snippet[] {
  const snippets: Snippet[] = [];
  let open: { readonly line: number; readonly info: string; readonly code: string[] } | undefined;
  for (const [index, text] of page.text.split('\n').entries()) {
    const fence = /^\s*```(.*)$/.exec(text);
    if (open === undefined) {
      if (fence !== null) open = { line: index + 2, info: (fence[1] as string).trim(), code: [] };
    } else if (fence === null) {
      open.code.push(text);
    } else {
      snippets.push({ page, line: open.line, info: open.info, code: open.code.join('\n') });
      open = undefined;
    }
  }
  return snippets;
}

/** The name of the file that a snippet gives: its first line is a comment of it, such as `// order.ts`. */
export function fileNameOf({ code }: Snippet): string | undefined {
  return /^\/\/ (\S+\.ts)\n/.exec(code)?.[1];
}

export function relativeLinksOf(page: Page): Link[] {
  return [...prose(page).matchAll(/\]\(([^()\s]+)\)/g)]
    .map((match) => match[1] as string)
    .filter((href) => !/^[a-z]+:/i.test(href))
    .map((href) => {
      const [path = '', anchor] = href.split('#');
      const target = path === '' ? page.path : relative(ROOT, join(ROOT, dirname(page.path), decodeURI(path)));
      return { page, target, anchor };
    });
}

/** The anchors that a code host gives to the headings of a page. */
export function anchorsOf(page: Page): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of prose(page).matchAll(/^#{1,6} (.*)$/gm)) {
    const slug = (heading as string)
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** The page without its blocks of code. */
function prose(page: Page): string {
  return page.text.replace(/^\s*```[\s\S]*?^\s*```$/gm, '');
}

function markdownIn(directory: string, recursive: boolean): Page[] {
  return readdirSync(join(ROOT, directory), { withFileTypes: true, recursive })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md') && !entry.parentPath.includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => ({ path: relative(ROOT, file), text: readFileSync(file, 'utf8') }));
}
