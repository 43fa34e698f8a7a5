import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Figure } from './measure.js';
import type { Setting } from './section.js';

/** For modules that are loaded by an `--import` of a name. */
const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Something a process said, and when. */
export interface Said {
  readonly values: Readonly<Record<string, number>>;
  /** Milliseconds since the process was started. */
  readonly atMs: number;
}

/** A Node process that is measured. It says one line of JSON after the other, each an object of numbers. */
export class NodeProcess {
  readonly #startedAt = performance.now();
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #lines: AsyncIterator<string>;

  constructor(nodeArguments: readonly string[]) {
    this.#process = spawn(process.execPath, nodeArguments, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#exited = once(this.#process, 'exit');
    this.#lines = createInterface(this.#process.stdout as NodeJS.ReadableStream)[Symbol.asyncIterator]();
  }

  /** One of the programs beside this file, in plain JavaScript. It is given the module to import, then `args`. */
  static program(
    name: string,
    args: readonly (string | number)[],
    { children }: Setting,
    nodeArguments: readonly string[] = [],
  ): NodeProcess {
    const program = fileURLToPath(new URL(name, import.meta.url));
    return new NodeProcess([...children.nodeArguments, ...nodeArguments, program, children.module, ...args.map(String)]);
  }

  /** Waits for the next line. */
  async said(): Promise<Said> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error(`${this.#process.spawnargs.join(' ')} ended and had more to say`);
    return { values: JSON.parse(value) as Said['values'], atMs: performance.now() - this.#startedAt };
  }

  /** Waits until it has ended by itself; the milliseconds that it lived. */
  async ended(): Promise<number> {
    await this.#exited;
    if (this.#process.exitCode !== 0) throw new Error(`${this.#process.spawnargs.join(' ')} failed`);
    return performance.now() - this.#startedAt;
  }

  /** Ends it as `kill -9` does. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }
}

/** What Node takes to start and do nothing. */
export async function bareStart(): Promise<Figure> {
  return { workload: 'a start of bare Node', subject: process.version, value: await new NodeProcess(['-e', '0']).ended(), unit: 'ms' };
}
