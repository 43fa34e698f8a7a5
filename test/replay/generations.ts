import { type Engine, type EngineEvents, type EngineOptions, flow, memoryStore, open } from 'perdure';
import type { Store } from 'perdure/store';
import { onTestFinished } from 'vitest';
import type { OperationRecord } from '../../src/model/records.js';
import { journalOf } from '../../src/store/journal-of.js';
import { unique } from '../api/with-engine.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const RUN_ID = 'run';

/** One run of one flow, whose code changes between the engines that execute it, on one store. */
export class Generations {
  readonly runId: string = RUN_ID;
  readonly flow: string = unique('flow');
  readonly store: Store = memoryStore();
  #engine: Engine | undefined;

  constructor() {
    onTestFinished(() => this.#engine?.close({ timeout: 0 }));
  }

  get engine(): Engine {
    if (this.#engine === undefined) throw new Error('no engine is open');
    return this.#engine;
  }

  /** Registers the code that runs from now on. */
  code(body: () => Promise<unknown>): void {
    flow(this.flow, body, { replace: true });
  }

  /** Starts the run under this code and lets it come to rest; then the process ends. */
  async record(body: () => Promise<unknown>): Promise<OperationRecord[]> {
    const recorded = flow(this.flow, body, { replace: true });
    await this.open();
    this.engine.start(recorded, [], { id: RUN_ID, leaks: 'ignore' });
    await atRest(this.engine);
    await this.engine.close({ timeout: 0 });
    return this.journal();
  }

  /** The next process opens, under this code. */
  async reopen(body: () => Promise<unknown>): Promise<void> {
    this.code(body);
    await this.open();
  }

  async open(options: EngineOptions = {}): Promise<void> {
    this.#engine = await open({ store: this.store, default: false, logger: SILENT, ...options });
  }

  /** What is recorded of the run. */
  async journal(): Promise<OperationRecord[]> {
    await this.store.open();
    try {
      return structuredClone(await journalOf(this.store, RUN_ID));
    } finally {
      await this.store.close();
    }
  }
}

/** Lets an engine in memory do all that it can do without waiting for time or anybody. */
export async function atRest(engine: Engine): Promise<void> {
  for (let macrotask = 0; macrotask < 30; macrotask += 1) await new Promise((resolve) => setImmediate(resolve));
  await engine.list();
}

/** The next event of a kind. */
export function nextEvent<E extends keyof EngineEvents>(engine: Engine, event: E): Promise<EngineEvents[E]> {
  return new Promise((resolve) => {
    const off = engine.on(event, (payload) => {
      off();
      resolve(payload);
    });
  });
}
