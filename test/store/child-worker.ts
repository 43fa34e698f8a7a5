import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { builtProgram } from '../built-program.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const LIBRARY = join(HERE, '../../src/index.ts');

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

  static async start(path: string, workerId: string): Promise<ChildWorker> {
    const child = new ChildWorker(fork(join(HERE, 'children/worker.mjs'), [builtProgram(LIBRARY), path, workerId], { execArgv: [] }));
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
