import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The path of a program of tests as one of the plain modules that `programs.ts` builds, given the path of its source. */
export function builtProgram(source: string): string {
  return join(inject('programs'), relative(ROOT, source)).replace(/\.ts$/, '.mjs');
}
