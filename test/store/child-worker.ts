import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { onTestFinished } from 'vitest';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** Builds the SQLite store into a directory, so that plain Node processes can load it; returns the module's path. */
export async function buildStore(directory: string): Promise<string> {
  await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      ssr: join(HERE, '../../src/store/sqlite/sqlite-store.ts'),
      outDir: directory,
      emptyOutDir: false,
      rollupOptions: { output: { entryFileNames: 'built-store.mjs' } },
    },
  });
  return join(directory, 'built-store.mjs');
}

/** What a child answers to a task. */
export interface Answer {
  readonly done?: string;
  readonly failed?: string;
  readonly message?: string;
  readonly written?: number;
}

/** A worker in a process of its own. It is gone when its test ends. */
export class ChildWorker {
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(process: ChildProcess) {
    this.#process = process;
    this.#exited = once(process, 'exit');
    onTestFinished(() => this.kill());
  }

  static async start({ storeModule, path, workerId }: { storeModule: string; path: string; workerId: string }): Promise<ChildWorker> {
    const child = new ChildWorker(fork(join(HERE, 'children/worker.mjs'), [storeModule, path, workerId], { execArgv: [] }));
    await child.answer();
    return child;
  }

  /** Gives it a task, and waits for its answer. */
  async ask(task: 'open' | 'create' | 'writeForEver'): Promise<Answer> {
    const answer = this.answer();
    this.#process.send(task);
    return answer;
  }

  /** The next thing it says. */
  async answer(): Promise<Answer> {
    const [answer] = (await once(this.#process, 'message')) as [Answer];
    return answer;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(signal);
  }

  /** Ends it as `kill -9` does. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }
}
