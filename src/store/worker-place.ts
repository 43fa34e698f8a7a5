import type { WorkerLine } from './reader.js';

/** Where a worker is, of what it has said; `null` where that cannot be read. @param info - JSON. */
export function workerPlace(info: unknown): WorkerLine['info'] {
  try {
    const { pid, host, node } = JSON.parse(info as string) as Record<string, unknown>;
    return typeof pid === 'number' && typeof host === 'string' && typeof node === 'string' ? { pid, host, node } : null;
  } catch {
    return null;
  }
}
