/** One measurement: a child process, and the server that its subject needs. */
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { start, stop } from './processes.js';
import { startPostgres } from './servers/postgres.js';
import { startRestate } from './servers/restate.js';

const limitMs = 300_000;
const childFile = fileURLToPath(new URL('child.js', import.meta.url));

/**
 * Runs measurements in `directory`.
 *
 * @param {{ directory: string, environment: Record<string, string>, node24: boolean, given: Record<string, unknown> }} where
 *   the environment is that of the subjects and of PostgreSQL; `node24` runs all subjects on Node 24, not only those that need
 *   it; `given` is for the adapters, from the command line
 */
export function measurements({ directory, environment, node24, given }) {
  /** One PostgreSQL for all, with a database for each measurement. */
  let postgres;
  let taken = 0;

  return {
    /**
     * @param {import('./subjects.js').Subject} subject
     * @param {import('./workloads.js').WorkloadName} workload
     * @param {{ count: number, watchLoop: boolean }} options
     * @returns {Promise<import('./measure.js').Figures>}
     */
    async take(subject, workload, { count, watchLoop }) {
      taken += 1;
      const own = join(directory, `measurement-${taken}`);
      mkdirSync(own);
      const server = await serverFor(subject, own);
      try {
        const { pid: serverPid, stop: _, ...address } = server ?? {};
        const open = { directory: own, ...subject.settings, ...given, ...address };
        const task = { adapter: subject.adapter, workload, count, open, serverPid, watchLoop };
        return workload === 'W5' ? await recovery(subject, task) : (await inChild(subject, task, 'figures')).message.figures;
      } finally {
        await server?.stop();
      }
    },
    /** Stops what runs for several measurements. */
    stop: async () => (await postgres?.catch(() => undefined))?.stop(),
  };

  async function serverFor({ server }, own) {
    if (server === 'restate') return await startRestate(own);
    if (server === undefined) return undefined;
    postgres ??= startPostgres(directory, environment);
    const { url, ...rest } = await postgres;
    return { ...rest, url: `${url}/measurement_${taken}`, stop: async () => {} };
  }

  /** W5: the first process is killed while it waits in its last action; the second is timed until it is there again. */
  async function recovery(subject, task) {
    await inChild(subject, { ...task, recovery: 'finish' }, 'reached');
    const { ms } = await inChild(subject, { ...task, recovery: 'resume', open: { ...task.open, again: true } }, 'reached');
    return { value: ms };
  }

  /** Starts a child, resolves with its first message that has `expected`, and sees it gone. @throws what it failed with. */
  async function inChild(subject, task, expected) {
    const node = node24 || subject.node24 ? createRequire(import.meta.url).resolve('node/bin/node') : process.execPath;
    const begin = performance.now();
    const child = start(node, ['--expose-gc', childFile, JSON.stringify(task)], {
      cwd: task.open.directory,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let complaints = '';
    child.stderr.on('data', (bytes) => {
      complaints = (complaints + bytes).slice(-2_000);
    });
    let timer;
    try {
      return await new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`not done after ${limitMs / 1_000} s ${complaints}`.trim())), limitMs);
        child.on('message', (message) => {
          if (expected in message) resolve({ message, ms: performance.now() - begin });
          else reject(new Error(message.failure));
        });
        child.once('error', reject);
        child.once('exit', (code, signal) => reject(new Error(`its process ended with ${signal ?? code}: ${complaints.trim()}`)));
      });
    } finally {
      clearTimeout(timer);
      await stop(child, 'SIGKILL');
    }
  }
}
