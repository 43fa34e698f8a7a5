import { type ChildProcess, execFileSync } from 'node:child_process';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { Store } from '../../src/store/store.js';

/** Makes a process stand still, at a moment at which it is not writing: the whole store would stand still with it. */
export async function standStill(process: ChildProcess, path: string): Promise<void> {
  const store = sqliteStore(path, { busyTimeoutMs: 1 });
  await store.open();
  try {
    for (;;) {
      process.kill('SIGSTOP');
      while (!stands(process)) await new Promise((resolve) => setImmediate(resolve));
      if (await canBeWritten(store)) return;
      process.kill('SIGCONT');
    }
  } finally {
    await store.close();
  }
}

/** The signal takes its time. It fails, and so does the test, when the process is gone. */
function stands({ pid }: ChildProcess): boolean {
  return execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('T');
}

async function canBeWritten(store: Store): Promise<boolean> {
  try {
    await store.send({ id: 0, runId: 'nobody', kind: 'cancel', payload: '{}' });
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== 'STORE_BUSY') throw error;
    return false;
  }
}
