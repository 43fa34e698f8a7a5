/**
 * The workloads, once for all subjects: warm up, then measure. An adapter does the work and nothing else.
 *
 * @typedef {object} Adapter
 * @property {(count: number) => Promise<number[]>} sequence one flow awaits `count` actions with `inSequence`; resolves with its latencies
 * @property {(count: number) => Promise<unknown>} fanOut one flow starts `count` actions at once and joins them
 * @property {(count: number) => Promise<unknown>} manyFlows `count` flows of three actions, launched at once
 * @property {(n: number) => Promise<unknown>} oneStep one flow of one action, from start to result
 * @property {(count: number) => Promise<unknown>} sleepers starts `count` runs that sleep for 30 days; resolves when all are recorded
 * @property {() => Promise<unknown>} close
 *
 * @typedef {object} Figures
 * @property {number} value the main figure, in the workload's unit
 * @property {number} [p50] milliseconds
 * @property {number} [p99] milliseconds
 * @property {number} [heap] W6: KB of heap for each run
 * @property {number} [server] W6: KB of the server's memory for each run
 * @property {number} [blockedMs] how long the event loop was blocked at most
 */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { treeBytes } from './memory.js';

/**
 * Awaits `act` `count` times, and takes the time of each. Runs inside the subjects' flows.
 *
 * @param {number} count
 * @param {(n: number) => PromiseLike<unknown>} act
 * @returns {Promise<number[]>} latencies in milliseconds
 */
export async function inSequence(count, act) {
  const latencies = [];
  for (let n = 0; n < count; n += 1) {
    const begin = performance.now();
    await act(n);
    latencies.push(performance.now() - begin);
  }
  return latencies;
}

/**
 * Starts `count` things a hundred at a time, so that W6 measures what they leave and not the burst in which they came.
 *
 * @param {number} count
 * @param {(n: number) => PromiseLike<unknown>} start
 */
export async function inHundreds(count, start) {
  for (let first = 0; first < count; first += 100) {
    await Promise.all(Array.from({ length: Math.min(100, count - first) }, (_, n) => start(first + n)));
  }
}

/**
 * Runs one workload on an adapter that is open.
 *
 * @param {Adapter} adapter
 * @param {import('./workloads.js').WorkloadName} workload
 * @param {{ count: number, serverPid?: number, watchLoop?: boolean }} options
 * @returns {Promise<Figures>}
 */
export async function measure(adapter, workload, { count, serverPid, watchLoop = false }) {
  const tenth = Math.ceil(count / 10);
  if (workload === 'W1') {
    await adapter.sequence(tenth);
    const { result, ms, blockedMs } = await timed(watchLoop, () => adapter.sequence(count));
    return { value: (count / ms) * 1_000, ...percentiles(result), blockedMs };
  }
  if (workload === 'W2') {
    await adapter.fanOut(tenth);
    const { ms, blockedMs } = await timed(watchLoop, () => adapter.fanOut(count));
    return { value: (count / ms) * 1_000, blockedMs };
  }
  if (workload === 'W3') {
    await adapter.manyFlows(tenth);
    const { ms, blockedMs } = await timed(watchLoop, () => adapter.manyFlows(count));
    return { value: (count / ms) * 1_000, blockedMs };
  }
  if (workload === 'W4') {
    const latencies = [];
    for (let n = 0; n < tenth + count; n += 1) {
      await pause(2);
      const { ms } = await timed(false, () => adapter.oneStep(n));
      latencies.push(ms);
    }
    const figures = percentiles(latencies.slice(tenth));
    return { value: figures.p50, ...figures };
  }
  return await parked(adapter, count, serverPid);
}

/**
 * W6: memory before and after `count` runs went to sleep.
 *
 * @param {Adapter} adapter
 * @param {number} count
 * @param {number | undefined} serverPid
 * @returns {Promise<Figures>}
 */
async function parked(adapter, count, serverPid) {
  await adapter.sleepers(Math.max(200, Math.ceil(count / 10)));
  const before = await atRest(serverPid);
  await adapter.sleepers(count);
  const after = await atRest(serverPid);
  const each = (/** @type {'rss' | 'heap' | 'server'} */ what) => (after[what] - before[what]) / count / 1_000;
  return { value: each('rss'), heap: each('heap'), ...(serverPid !== undefined && { server: each('server') }) };
}

/** Waits until this process has nothing more to do, collects what is garbage, and looks at the memory. */
async function atRest(serverPid) {
  const windowMs = 250;
  for (let quiet = 0, windows = 0; quiet < 4 && windows < 240; windows += 1) {
    const before = process.cpuUsage();
    await pause(windowMs);
    const { user, system } = process.cpuUsage(before);
    quiet = (user + system) / 1_000 < windowMs * 0.05 ? quiet + 1 : 0;
  }
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc?.();
    await pause(20);
  }
  const { rss, heapUsed } = process.memoryUsage();
  return { rss, heap: heapUsed, server: serverPid === undefined ? 0 : treeBytes(serverPid) };
}

/**
 * @template T
 * @param {boolean} watchLoop whether to watch for blocks of the event loop; it costs a timer a millisecond
 * @param {() => Promise<T>} work
 */
async function timed(watchLoop, work) {
  const delay = watchLoop ? monitorEventLoopDelay({ resolution: 1 }) : undefined;
  delay?.enable();
  const begin = performance.now();
  const result = await work();
  const ms = performance.now() - begin;
  delay?.disable();
  return { result, ms, blockedMs: delay === undefined ? undefined : delay.max / 1e6 };
}

/** @param {readonly number[]} latencies */
function percentiles(latencies) {
  const sorted = [...latencies].sort((a, b) => a - b);
  const at = (/** @type {number} */ part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  return { p50: at(0.5), p99: at(0.99) };
}
