import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the built programs are. */
    programs: string;
  }
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The library, which plain modules import, and programs that lie elsewhere than those of `programs()`. */
const OTHERS = ['src/index.ts', 'test/processes/child.ts', 'bench/run.ts'];
/** The library in one module. */
const WHOLE = 'test/docs/library.ts';
let directory = '';

/**
 * Builds whatever tests start in processes of their own: plain modules start several times faster than sources do. It is done once for a whole run of
 * tests, which takes a second, and again when a watcher has seen a change.
 */
export async function setup(project: TestProject): Promise<void> {
  // It is called for each project as well, and those have what the root provides.
  if (!project.isRootProject()) return;
  // Where programs find the drivers, wherever they are started.
  directory = mkdtempSync(join(ROOT, 'node_modules', '.perdure-programs-'));
  project.provide('programs', directory);
  project.onTestsRerun(buildPrograms);
  await buildPrograms();
}

export function teardown(): void {
  if (directory !== '') rmSync(directory, { recursive: true, force: true });
}

const COMMON: BuildOptions = {
  absWorkingDir: ROOT,
  outbase: ROOT,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'es2022',
  external: ['vitest', 'libsql', 'better-sqlite3', '@photostructure/sqlite'],
  sourcemap: 'linked',
  logLevel: 'error',
};

async function buildPrograms(): Promise<void> {
  const examples = foldersOf('examples');
  await build({ ...COMMON, entryPoints: [WHOLE], outdir: directory });
  await build({
    ...COMMON,
    entryPoints: [
      ...foldersOf('test').flatMap((room) => modulesOf(`${room}/children`)),
      ...examples.map((name) => `${name}/main.ts`),
      ...OTHERS,
    ],
    outdir: directory,
    // What they share is there once.
    splitting: true,
  });
  // Examples read files that lie beside them.
  for (const name of examples) {
    for (const file of readdirSync(join(ROOT, name)).filter((each) => ['.json', '.csv'].includes(extname(each)))) {
      cpSync(join(ROOT, name, file), join(directory, name, file));
    }
  }
}

function foldersOf(parent: string): string[] {
  const entries = readdirSync(join(ROOT, parent), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${parent}/${name}`);
}

function modulesOf(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`);
}
