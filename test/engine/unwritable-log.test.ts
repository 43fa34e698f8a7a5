import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { builtProgram } from '../built-program.js';

const CHILD = fileURLToPath(new URL('../api/children/unwritable-log.ts', import.meta.url));
const FULL = '/dev/full';

interface Said {
  readonly result: string;
  readonly warnings: string[];
  readonly listeners: number;
  readonly ownError: string;
}

/** Runs the program with a standard error that takes nothing: a full disk, or a pipe without a reader. */
async function run(logger: string, standardError: 'full' | 'closed'): Promise<{ code: number | null; said: Said }> {
  const program = await builtProgram(CHILD);
  const stderr = standardError === 'full' ? openSync(FULL, 'w') : 'pipe';
  const child = spawn(process.execPath, [program, logger], { stdio: ['pipe', 'pipe', stderr] });
  if (typeof stderr === 'number') closeSync(stderr);
  else {
    child.stderr?.destroy();
    await once(child.stderr as NodeJS.ReadableStream, 'close');
  }
  child.stdin?.end();
  const [said] = await Promise.all([text(child.stdout as NodeJS.ReadableStream), once(child, 'exit')]);
  return { code: child.exitCode, said: JSON.parse(said || '{}') as Said };
}

describe.each(['default', 'throwing'])('with the %s logger', (logger) => {
  test.runIf(existsSync(FULL))('lines for a standard error on a full disk disturb nothing, and errors of the program stay', async () => {
    const { code, said } = await run(logger, 'full');
    expect(said).toEqual({ result: 'done', warnings: [], listeners: 0, ownError: 'ENOSPC' });
    expect(code).toBe(0);
  });

  test('lines for a standard error without a reader disturb nothing, and errors of the program stay', async () => {
    const { code, said } = await run(logger, 'closed');
    expect(said).toEqual({ result: 'done', warnings: [], listeners: 0, ownError: 'EPIPE' });
    expect(code).toBe(0);
  });
});
