import { hostname } from 'node:os';
import type { WorkerInfo } from '../store/store.js';

/** Where the workers of this process are. */
export function workerInfo(): WorkerInfo {
  return { pid: process.pid, host: hostname(), node: process.versions.node };
}
