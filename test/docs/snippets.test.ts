import { dirname, join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { fileNameOf, pages, ROOT, type Snippet, snippetsOf } from './pages.js';

const snippets = pages()
  .flatMap(snippetsOf)
  .filter(({ info }) => info === 'ts');
const sources = new Map(snippets.map((snippet) => [fileOf(snippet), snippet]));
const directories = new Set([...sources.keys()].map(dirname));

test('every ts snippet compiles', () => {
  expect(snippets.length).toBeGreaterThan(0);
  expect(compile()).toEqual([]);
}, 60_000);

/** Each snippet is a module of one program, in memory, in a directory where `perdure` and the types of Node are found. */
function compile(): string[] {
  const options = compilerOptions();
  const host = ts.createCompilerHost(options);
  const { directoryExists, fileExists, getSourceFile, readFile } = host;
  host.directoryExists = (directory) => directories.has(directory) || (directoryExists?.(directory) ?? false);
  host.fileExists = (file) => sources.has(file) || fileExists(file);
  host.readFile = (file) => sources.get(file)?.code ?? readFile(file);
  host.getSourceFile = (file, target, ...rest) => {
    const snippet = sources.get(file);
    if (snippet === undefined) return getSourceFile(file, target, ...rest);
    return ts.createSourceFile(file, snippet.code, target);
  };
  const program = ts.createProgram([...sources.keys()], options, host);
  return [...sources.keys()].flatMap((file) => {
    const source = program.getSourceFile(file);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(show);
  });
}

function compilerOptions(): ts.CompilerOptions {
  const file = join(ROOT, 'tsconfig.json');
  const { config } = ts.readConfigFile(file, ts.sys.readFile) as { config: object };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  // A snippet may show a name that it does not go on to use.
  const lenient = { noUnusedLocals: false, noUnusedParameters: false };
  return { ...options, ...lenient, moduleDetection: ts.ModuleDetectionKind.Force, noEmit: true };
}

/** Each page has a directory, so that its snippets can import the files that others of them give. */
function fileOf(snippet: Snippet): string {
  const { page, line } = snippet;
  return join(ROOT, 'test/docs', `snippets-${page.path.replace(/\W+/g, '-')}`, fileNameOf(snippet) ?? `line-${line}.ts`);
}

function show({ file, start = 0, messageText }: ts.Diagnostic): string {
  const message = ts.flattenDiagnosticMessageText(messageText, '\n');
  const snippet = file && sources.get(file.fileName);
  if (file === undefined || snippet === undefined) return message;
  return `${snippet.page.path}:${snippet.line + file.getLineAndCharacterOfPosition(start).line}: ${message}`;
}
