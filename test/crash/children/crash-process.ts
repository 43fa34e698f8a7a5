import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sqliteStore } from 'perdure';
import type { Store } from 'perdure/store';
import { journalOf } from '../../../src/store/journal-of.js';
import { recordsOf } from '../../../src/testing/reading.js';
import { builtProgram } from '../../built-program.js';
import { Recorder } from '../recorder.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

const CHILD = fileURLToPath(new URL('crash-child.ts', import.meta.url));

/** How a process ended: by itself, with how its run ended, or killed. */
export type Ending = { readonly killed: true } | { readonly killed: false; readonly end: string };

interface Kill {
  /** It kills itself before or after its n-th commit. */
  readonly commit?: { readonly number: number; readonly when: 'before' | 'after' };
  /** It is killed when it has announced so many things. */
  readonly announcement?: number;
}

/** The processes of one run, one after the other, on one file. */
export class CrashPlace {
  readonly #flow: string;
  readonly #directory = mkdtempSync(join(tmpdir(), 'perdure-crash-'));
  readonly #store = join(this.#directory, 'app.db');
  readonly #notes = join(this.#directory, 'notes');
  #notesRead = 0;
  readonly recorder: Recorder = new Recorder();

  constructor(flow: string) {
    this.#flow = flow;
  }

  /** Lets a process run until its end, and takes in what it did and what of that is durable. */
  async process({ commit, announcement }: Kill = {}): Promise<Ending> {
    const args = [builtProgram(CHILD), this.#store, this.#notes, this.#flow];
    if (commit !== undefined) args.push(String(commit.number), commit.when);
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
    let end: string | undefined;
    let announcements = 0;
    createInterface(child.stdout).on('line', (line) => {
      const [what, text] = JSON.parse(line) as [string, string];
      if (what === 'end') end = text;
      announcements += 1;
      if (announcements === announcement) child.kill('SIGKILL');
    });
    await once(child, 'close');
    await this.#takeIn();
    if (child.signalCode === 'SIGKILL') return { killed: true };
    if (end === undefined) throw new Error(`the process ended with ${child.exitCode} and without saying how its run did`);
    return { killed: false, end };
  }

  /** The store as it is now; to be closed. */
  async storeWhileOpen(): Promise<Store> {
    const store = sqliteStore(this.#store);
    await store.open();
    return store;
  }

  dispose(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #takeIn(): Promise<void> {
    const notes = readFileSync(this.#notes, { encoding: 'utf8', flag: 'a+' });
    for (const line of notes.slice(this.#notesRead).split('\n')) {
      if (line === '') continue;
      const [what, runId, more, scope = ''] = JSON.parse(line) as [string, string, string, string?];
      if (what === 'flow') this.recorder.flowBegan(runId, more === 'whole');
      else if (what === 'saw') this.recorder.flowSaw(runId, more, scope);
      else this.recorder.actionBegan(runId, more);
    }
    this.#notesRead = notes.length;
    const store = await this.storeWhileOpen();
    for (const { id } of await recordsOf(store, { limit: 1_000 })) this.recorder.committed({ operations: await journalOf(store, id) });
    await store.close();
  }
}
