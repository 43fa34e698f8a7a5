import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { RunRecord } from '../../src/model/records.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import { recordsOf } from '../../src/testing/reading.js';
import { builtProgram } from '../built-program.js';
import { standStill } from './stand-still.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));

const LIBRARY = join(HERE, '../../src/index.ts');

/** What a process is told: how its engine is opened, what it starts, and for which runs it waits. */
export interface Life {
  readonly start?: readonly (readonly [flow: string, id: string, ...args: unknown[]])[];
  /** It ends in good order as soon as these are ended or blocked; all, when left out. */
  readonly settled?: readonly string[];
  readonly maxRecoveries?: number;
  readonly leaseMs?: number;
  readonly execArgv?: readonly string[];
}

/** What came of several lives. */
export interface Lives {
  /** How many processes there were, the last of which ended in good order. */
  readonly lives: number;
  /** The status of each run, or the code with which it is blocked. */
  readonly statuses: Readonly<Record<string, string>>;
}

/** A store, and the processes on it that are ended by their runs. */
export class PoisonedPlace {
  readonly #directory = mkdtempSync(join(tmpdir(), 'perdure-poison-'));
  readonly store: string = join(this.#directory, 'app.db');
  readonly #ledger = join(this.#directory, 'ledger.log');

  constructor() {
    onTestFinished(() => rmSync(this.#directory, { recursive: true, force: true }));
  }

  begin({ execArgv = [], ...life }: Life = {}): PoisonedProcess {
    const args = [builtProgram(LIBRARY), this.store, this.#ledger, JSON.stringify(life)];
    const path = join(HERE, 'children/poison.mjs');
    return new PoisonedProcess(fork(path, args, { execArgv: [...execArgv], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }));
  }

  /** Starts the process again whenever it was ended by its runs, until one ends in good order. What is started is started by the first. */
  async live({ start, ...life }: Life, most = 40): Promise<Lives> {
    for (let lives = 1; lives <= most; lives += 1) {
      const process = this.begin(lives === 1 ? { start: start ?? [], ...life } : life);
      const statuses = await process.statuses();
      if (statuses !== undefined) return { lives, statuses };
    }
    throw new Error(`it was still being ended by its runs after ${most} lives`);
  }

  /** How often something was noted. */
  times(what: string): number {
    const lines = readFileSync(this.#ledger, { encoding: 'utf8', flag: 'a+' }).split('\n');
    return lines.filter((line) => line === what).length;
  }

  note(what: string): void {
    appendFileSync(this.#ledger, `${what}\n`);
  }

  /** Resolves once something was noted so many times. */
  async noted(what: string, times = 1): Promise<void> {
    while (this.times(what) < times) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  async runs(): Promise<Map<string, RunRecord>> {
    const store = sqliteStore(this.store);
    await store.open();
    const runs = await recordsOf(store, { limit: 10_000 });
    await store.close();
    return new Map(runs.map((run) => [run.id, run]));
  }

  /** Resolves once there are so many runs, and all are as they should be. */
  async until(right: (run: RunRecord) => boolean, count = 1): Promise<void> {
    for (;;) {
      const runs = [...(await this.runs()).values()];
      if (runs.length >= count && runs.every(right)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

export interface Message {
  readonly open?: true;
  readonly warn?: string;
  readonly error?: string;
  readonly blocked?: string;
  readonly code?: string;
  readonly statuses?: Readonly<Record<string, string>>;
  readonly got?: { readonly status: string; readonly waitsFor?: string; readonly message?: string };
}

export class PoisonedProcess {
  readonly #process: ChildProcess;
  readonly messages: Message[] = [];
  readonly exited: Promise<unknown>;

  constructor(process: ChildProcess) {
    this.#process = process;
    process.on('message', (message: Message) => this.messages.push(message));
    this.exited = once(process, 'close');
    onTestFinished(() => this.kill());
  }

  /** What became of all runs, when it ends in good order; `undefined` when it is ended by one of them. */
  async statuses(): Promise<Readonly<Record<string, string>> | undefined> {
    await this.exited;
    return this.messages.find(({ statuses }) => statuses !== undefined)?.statuses;
  }

  async heard(heard: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const message = this.messages.find(heard);
      if (message !== undefined) return message;
      await Promise.race([once(this.#process, 'message'), this.exited.then(() => Promise.reject(new Error('it has ended')))]);
    }
  }

  tell(task: { retry?: string; get?: string; close?: boolean }): void {
    this.#process.send(task);
  }

  async stop(place: PoisonedPlace): Promise<void> {
    await standStill(this.#process, place.store);
  }

  resume(): void {
    this.#process.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.exited;
  }
}
