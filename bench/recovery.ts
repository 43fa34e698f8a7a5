import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Figure } from './measure.js';

const child = fileURLToPath(new URL('recovery-child.js', import.meta.url));
const built = new URL('../dist/index.js', import.meta.url).href;

/** Starts the child program and resolves with the milliseconds until it prints `expected`; then kills it if it is to be killed. */
function run(path: string, count: number, expected: string, kill: boolean): Promise<{ elapsedMs: number; detail: string }> {
  return new Promise((resolve, reject) => {
    const begin = performance.now();
    const process_ = spawn(process.execPath, [child, built, path, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let found: { elapsedMs: number; detail: string } | undefined;
    createInterface(process_.stdout).on('line', (line) => {
      if (!line.startsWith(expected)) return;
      found = { elapsedMs: performance.now() - begin, detail: line.slice(expected.length).trim() };
      if (kill) process_.kill('SIGKILL');
    });
    process_.on('exit', () => (found === undefined ? reject(new Error(`the child never printed ${expected}`)) : resolve(found)));
  });
}

/** W5: SIGKILL after `count` finished actions; from process start until the run goes on. The child is plain JavaScript on the built package. */
export async function recovery(path: string, count: number): Promise<Figure> {
  await run(path, count, 'parked', true);
  const { elapsedMs, detail } = await run(path, count, 'resumed', false);
  return { workload: `W5 recovery after ${count} actions`, subject: 'perdure, SQLite', value: elapsedMs, unit: 'ms', notes: detail };
}
