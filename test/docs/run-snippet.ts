import { createRequire } from 'node:module';
import { format } from 'node:util';
import { runInThisContext } from 'node:vm';
import ts from 'typescript';
import { vi } from 'vitest';
import { ROOT, type Snippet } from './pages.js';

/** How a snippet says what it prints: `console.log(1 + 1); // → 2`, one comment a line, in the order of printing. */
const PRINTED = /\/\/ → (.*)$/gm;

type Module = (exports: object, require: (id: string) => unknown, console: Pick<Console, 'log'>) => Promise<void>;

/** The lines that a snippet says it prints. */
export function promisedBy({ code }: Snippet): string[] {
  return [...code.matchAll(PRINTED)].map((match) => match[1] as string);
}

/** Whether there is nothing in a snippet that could be run. */
export function onlyDeclares({ code }: Snippet): boolean {
  return code.includes('declare function');
}

/** Snippets are held to what the documentation advises for tests: awaits that are not durable and leaks are errors. */
const STRICT = { store: ':memory:', nonDurableAwait: 'error', leaks: 'error' } as const;
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * Runs a snippet as a module, with a perdure of its own, so that names which other snippets took are free.
 *
 * @returns The lines that it printed.
 */
export async function runSnippet(snippet: Snippet): Promise<string[]> {
  vi.resetModules();
  const perdure = await import('perdure');
  const open: typeof perdure.open = (options) => perdure.open({ logger: SILENT, ...options });
  const given = new Map<string, object>([['perdure', { ...perdure, open }]]);
  const nodeRequire = createRequire(import.meta.url);
  const lines: string[] = [];
  const log = (...args: unknown[]): void => {
    lines.push(...format(...args).split('\n'));
  };
  const engine = await open(STRICT);
  try {
    await load(snippet)({}, (id) => given.get(id) ?? nodeRequire(id), { log });
  } finally {
    await engine.close({ timeout: 0 });
  }
  return lines;
}

/** As a function and not as a file: a file would have to lie where `perdure` is found. */
function load({ page, line, code }: Snippet): Module {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS };
  const { outputText } = ts.transpileModule(code, { compilerOptions });
  const filename = `${ROOT}${page.path}:${line}`;
  return runInThisContext(`(async (exports, require, console) => {${outputText}\n})`, { filename }) as Module;
}
