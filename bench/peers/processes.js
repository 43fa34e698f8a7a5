/** Starts processes, and sees to it that none outlives this one. */
import { spawn } from 'node:child_process';
import process from 'node:process';

/** @type {Set<import('node:child_process').ChildProcess>} */
const alive = new Set();

/**
 * @param {string} command
 * @param {readonly string[]} parameters
 * @param {import('node:child_process').SpawnOptions} options
 */
export function start(command, parameters, options) {
  const child = spawn(command, parameters, options);
  alive.add(child);
  const forget = () => alive.delete(child);
  child.once('exit', forget);
  child.once('error', forget);
  return child;
}

/**
 * Ends one process, and resolves when it is gone: asked by `signal`, made to after ten seconds.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @param {NodeJS.Signals} signal
 */
export async function stop(child, signal) {
  if (!alive.has(child)) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(timer);
}

/** Resolves when `child` has printed `text`. @throws when it ends before, with what it said. */
export function printed(child, text) {
  return new Promise((resolve, reject) => {
    let said = '';
    const listen = (/** @type {Buffer} */ bytes) => {
      said += bytes;
      if (said.includes(text)) resolve(undefined);
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${child.spawnfile} ended with ${code}: ${said.slice(-500)}`)));
  });
}

// SIGQUIT: PostgreSQL then ends its own children as well, and the others just end.
process.on('exit', () => {
  for (const child of alive) child.kill(child.spawnfile.endsWith('postgres') ? 'SIGQUIT' : 'SIGKILL');
});
