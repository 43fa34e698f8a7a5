import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sqliteStore } from 'perdure';
import { onTestFinished } from 'vitest';
import { builtProgram } from '../built-program.js';
import { expectWellFormed, type History } from '../crash/well-formed.js';
import type { Task } from './child.js';
import { standStill } from './stand-still.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

interface Line {
  readonly answer?: number;
  readonly value?: unknown;
  readonly failed?: { readonly name: string; readonly code?: string; readonly message: string };
  readonly [key: string]: unknown;
}

/** A directory with a store and a ledger of actions for one test, deleted after it. */
export class Place {
  readonly #directory = mkdtempSync(join(tmpdir(), 'perdure-processes-'));
  readonly store: string = join(this.#directory, 'app.db');
  readonly ledger: string = join(this.#directory, 'actions.log');

  constructor() {
    onTestFinished(() => rmSync(this.#directory, { recursive: true, force: true }));
  }

  /** How often each action's body was called, by run, operation and what it did. */
  calls(): Map<string, number> {
    const calls = new Map<string, number>();
    for (const line of readFileSync(this.ledger, { encoding: 'utf8', flag: 'a+' }).split('\n')) {
      if (line === '') continue;
      const action = line.slice(0, line.lastIndexOf(' '));
      calls.set(action, (calls.get(action) ?? 0) + 1);
    }
    return calls;
  }

  /** Marks dead whoever would be dead a minute from now. */
  async inAMinute(): Promise<void> {
    const store = sqliteStore(this.store);
    await store.open();
    await store.reapWorkers({ workerId: 'of the test', nowMs: Date.now() + 60_000 });
    await store.close();
  }

  /** What the store holds now, which is well formed. */
  async history(): Promise<History> {
    const store = sqliteStore(this.store);
    await store.open();
    try {
      return await expectWellFormed(store);
    } finally {
      await store.close();
    }
  }
}

/** A process with an engine. It is gone when its test ends. */
export class EngineProcess {
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #lines: Line[] = [];
  readonly #waiting = new Set<() => void>();
  #tasks = 0;

  private constructor(process: ChildProcess) {
    this.#process = process;
    this.#exited = once(process, 'exit').then(() => this.#wake());
    createInterface(process.stdout as NodeJS.ReadableStream).on('line', (line) => {
      this.#lines.push(JSON.parse(line) as Line);
      this.#wake();
    });
    onTestFinished(() => this.kill());
  }

  /** Starts a process and waits until its engine is open. */
  static async open(place: Place, options: object = {}): Promise<EngineProcess> {
    const args = [builtProgram(CHILD), place.store, place.ledger, JSON.stringify(options)];
    const child = new EngineProcess(spawn(process.execPath, args, { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] }));
    await child.heard({ event: 'ready' });
    return child;
  }

  /** Two processes on one store. */
  static async two(place: Place, first: object = {}, second: object = {}): Promise<[EngineProcess, EngineProcess]> {
    return Promise.all([EngineProcess.open(place, first), EngineProcess.open(place, second)]);
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  /** Gives it a task. The answer is its value; it throws what the task failed with. */
  ask(what: Task['what'], task: Omit<Task, 'number' | 'what'> = {}): Promise<unknown> {
    this.#tasks += 1;
    const number = this.#tasks;
    this.#process.stdin?.write(`${JSON.stringify({ number, what, ...task })}\n`);
    const answer = this.heard({ answer: number }).then(({ failed, value }) => {
      if (failed !== undefined) throw Object.assign(new Error(failed.message), failed);
      return value;
    });
    // A test that fails may never come to look at it.
    answer.catch(() => undefined);
    return answer;
  }

  /** Waits until it has said something with these fields. */
  async heard(fields: Record<string, unknown>): Promise<Line> {
    for (;;) {
      const found = this.#lines.find((line) => Object.entries(fields).every(([key, value]) => line[key] === value));
      if (found !== undefined) return found;
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
        throw new Error(`the process ended without ${JSON.stringify(fields)}; it said ${JSON.stringify(this.#lines)}`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  said(fields: Record<string, unknown>): boolean {
    return this.#lines.some((line) => Object.entries(fields).every(([key, value]) => line[key] === value));
  }

  /** Makes it stand still, at a moment at which it is not writing: the whole store would stand still with it. */
  async stop(place: Place): Promise<void> {
    await standStill(this.#process, place.store);
  }

  resume(): void {
    this.#process.kill('SIGCONT');
  }

  /** Ends it as `kill -9` does. */
  async kill(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) this.#process.kill('SIGKILL');
    await this.#exited;
  }

  /** Lets it end by itself. */
  async exit(): Promise<number | null> {
    this.#process.stdin?.end();
    await this.#exited;
    return this.#process.exitCode;
  }

  #wake(): void {
    for (const waiting of this.#waiting) waiting();
    this.#waiting.clear();
  }
}
