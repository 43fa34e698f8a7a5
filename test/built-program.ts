import { mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { libraryAlias } from './library-alias.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const built = new Map<string, Promise<string>>();

/** The path of a program of tests as one plain module, which starts much faster than its sources. It is built once for each file of tests. */
export function builtProgram(path: string): Promise<string> {
  const known = built.get(path);
  if (known !== undefined) return known;
  // Where it finds the drivers, wherever it is started.
  const directory = mkdtempSync(join(ROOT, 'node_modules', '.perdure-program-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  const module = buildProgram(path, directory);
  built.set(path, module);
  return module;
}

async function buildProgram(path: string, directory: string): Promise<string> {
  const name = `${basename(path, '.ts')}.mjs`;
  await build({
    configFile: false,
    logLevel: 'silent',
    resolve: { alias: libraryAlias },
    ssr: { noExternal: true },
    build: {
      ssr: path,
      target: 'es2022',
      outDir: directory,
      emptyOutDir: false,
      sourcemap: 'inline',
      minify: false,
      rollupOptions: { output: { entryFileNames: name } },
    },
  });
  return join(directory, name);
}
