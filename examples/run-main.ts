import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { builtProgram } from '../test/built-program.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** An example's `main.ts`, as its tests start it. */
export interface Program {
  readonly main: URL;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program to its end. */
export async function runMain(program: Program): Promise<Ended> {
  const child = start(program);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, stdout, stderr };
}

/** Starts the program and kills it as soon as it has logged a line that is enough. Returns every line that it logged. */
export async function killMain(program: Program, isEnough: (line: string) => boolean): Promise<string[]> {
  const child = start(program);
  const closed = once(child, 'close');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    lines.push(line);
    if (isEnough(line)) child.kill('SIGKILL');
  }
  const [, signal] = await closed;
  if (signal !== 'SIGKILL') throw new Error(`it ended by itself:\n${lines.join('\n')}`);
  return lines;
}

/** Starts the program. */
export function start({ main, args = [], env = {} }: Program): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(process.execPath, [builtProgram(fileURLToPath(main)), ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
