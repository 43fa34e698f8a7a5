import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { runInThisContext } from 'node:vm';
import ts from 'typescript';
import { expect } from 'vitest';
import { builtProgram } from '../built-program.js';
import { fileNameOf, ROOT, type Snippet, snippetsOf } from './pages.js';

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

/** Whether a snippet is a file of tests. */
export function isTest({ code }: Snippet): boolean {
  return /^import .* from '(node:test|vitest)';$/m.test(code);
}

/** Snippets are held to what the documentation advises for tests: awaits that are not durable and leaks are errors. */
const STRICT = { store: ':memory:', nonDurableAwait: 'error', leaks: 'error' } as const;
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const LIBRARY = pathToFileURL(builtProgram(fileURLToPath(new URL('library.ts', import.meta.url)))).href;
let copies = 0;

/** Loads the library once more: another address is another module. */
async function anotherCopy(): Promise<typeof import('./library.js')> {
  copies += 1;
  return (await import(/* @vite-ignore */ `${LIBRARY}?copy=${copies}`)) as typeof import('./library.js');
}

/**
 * Runs a snippet as a module, with a perdure of its own, so that names which other snippets took are free. The tests that it asks a runner for are run
 * one after the other.
 *
 * @returns The lines that it printed.
 */
export async function runSnippet(snippet: Snippet): Promise<string[]> {
  // What copies of the library in this realm share; the next makes it anew.
  Reflect.deleteProperty(globalThis, Symbol.for('perdure'));
  const { perdure, store, testing } = await anotherCopy();
  const open: typeof perdure.open = (options) => perdure.open({ logger: SILENT, ...options });
  const tests: (() => unknown)[] = [];
  const test = (_name: string, body: () => unknown): unknown => tests.push(body);
  const given = new Map<string, object>([
    ['perdure', { ...perdure, open }],
    ['perdure/store', store],
    ['perdure/testing', testing],
    ['node:test', { test }],
    ['vitest', { expect, test }],
  ]);
  const lines: string[] = [];
  // A text of several lines that ends with a line break prints no more for it.
  const log = (...args: unknown[]): void => {
    lines.push(
      ...format(...args)
        .trimEnd()
        .split('\n'),
    );
  };
  for (const file of importedBy(snippet)) {
    const exports = {};
    await load(file)(exports, requireFrom(given), { log });
    given.set(`./${fileNameOf(file)}`, exports);
  }
  const engine = await open(STRICT);
  try {
    await load(snippet)({}, requireFrom(given), { log });
    for (const each of tests) await each();
  } finally {
    await engine.close({ timeout: 0 });
  }
  if (isTest(snippet)) expect(tests).not.toEqual([]);
  return lines;
}

/** The snippets of the same page that give a file which a snippet imports. */
function importedBy({ page, code }: Snippet): Snippet[] {
  return snippetsOf(page).filter((each) => {
    const name = fileNameOf(each);
    return name !== undefined && code.includes(`from './${name}'`);
  });
}

function requireFrom(given: ReadonlyMap<string, object>): (id: string) => unknown {
  const nodeRequire = createRequire(import.meta.url);
  return (id) => given.get(id) ?? nodeRequire(id);
}

/** As a function and not as a file: a file would have to lie where `perdure` is found. */
function load({ page, line, code }: Snippet): Module {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS, esModuleInterop: true };
  const { outputText } = ts.transpileModule(code, { compilerOptions });
  const filename = `${ROOT}${page.path}:${line}`;
  return runInThisContext(`(async (exports, require, console) => {${outputText}\n})`, { filename }) as Module;
}
