import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * Compiles the library that adds a millisecond to every sync, into `directory`.
 *
 * @returns {Record<string, string> | undefined} the environment that loads it into a process; `undefined` where it cannot be made
 */
export function slowDisk(directory) {
  if (process.platform !== 'linux') return undefined;
  const library = join(directory, 'slow-disk.so');
  for (const compiler of ['cc', 'gcc', 'clang']) {
    try {
      execFileSync(compiler, ['-O2', '-shared', '-fPIC', '-o', library, here('slow-disk.c'), '-ldl'], { stdio: 'pipe' });
      return { LD_PRELOAD: library, SLOW_DISK_US: process.env.SLOW_DISK_US ?? '1000' };
    } catch {
      // The next compiler may be there.
    }
  }
  return undefined;
}

/** Microseconds that a 200-byte append and its fdatasync take in a process of that environment: the median of 200. */
export function syncMicroseconds(directory, environment) {
  const path = join(directory, 'syncs');
  const said = execFileSync(process.execPath, [here('sync-time.js'), path], { env: { ...process.env, ...environment } });
  return Number(said);
}
