import { action, actionContext, type DurableFuture, type Engine, type EngineEvents, type EngineOptions, flow, memoryStore } from 'perdure';
import type { Store } from 'perdure/store';
import type { OperationRecord } from '../../src/model/records.js';
import { journalOf } from '../../src/store/journal-of.js';
import { type Deferred, deferred, type LogLine, openEngine, unique } from '../api/with-engine.js';

/** What is left of a run that has ended. */
export interface Ended<R> {
  readonly engine: Engine;
  readonly lines: LogLine[];
  readonly runId: string;
  readonly status: string;
  readonly result: R | undefined;
  readonly error: (Error & { readonly code?: string }) | undefined;
  /** Its entries, by id. */
  readonly journal: ReadonlyMap<string, OperationRecord>;
  readonly leaks: readonly EngineEvents['leak'][];
}

/** Runs a body as a flow on a memory store of its own, to its end, and looks at what is left. */
export async function runBatch<R>(body: () => Promise<R>, options: EngineOptions = {}): Promise<Ended<R>> {
  const store = memoryStore();
  const { engine, lines } = await openEngine({ store, ...options });
  const leaks: EngineEvents['leak'][] = [];
  engine.on('leak', (event) => leaks.push(event));
  const future = engine.start(flow(unique('body'), body), []);
  const error = await future.exception();
  const result = error === undefined ? await future.result() : undefined;
  const journal = await entriesOf(store, future.id);
  return { engine, lines, runId: future.id, status: future.status, result, error, journal, leaks };
}

/** The entries of a run, by id. */
export async function entriesOf(store: Store, runId: string): Promise<Map<string, OperationRecord>> {
  return new Map((await journalOf(store, runId)).map((record) => [record.id, record]));
}

/** An action that ends when the test says so: one gate for each key. */
export class Gates {
  readonly #gates = new Map<
    string,
    { readonly begun: Deferred<void>; readonly gate: Deferred<unknown>; readonly aborted: Deferred<unknown> }
  >();
  readonly #act = action(unique('gated'), async (key: string): Promise<unknown> => {
    const { begun, gate, aborted } = this.#of(key);
    const { signal } = actionContext();
    begun.resolve();
    return new Promise((resolve, reject) => {
      gate.promise.then(resolve, reject);
      signal.addEventListener('abort', () => {
        aborted.resolve(signal.reason);
        reject(signal.reason);
      });
    });
  });

  /** Inside a flow: waits until the gate is opened. */
  pass(key: string): Promise<unknown> {
    return this.#act(key);
  }

  start(key: string): DurableFuture<unknown> {
    return this.#act.start(key);
  }

  /** Outside: the action's body has begun. */
  begun(key: string): Promise<void> {
    return this.#of(key).begun.promise;
  }

  /** Outside: the action's signal has fired. */
  aborted(key: string): Promise<unknown> {
    return this.#of(key).aborted.promise;
  }

  open(key: string, value?: unknown): void {
    this.#of(key).gate.resolve(value);
  }

  fail(key: string, error: unknown): void {
    this.#of(key).gate.reject(error);
  }

  #of(key: string): { readonly begun: Deferred<void>; readonly gate: Deferred<unknown>; readonly aborted: Deferred<unknown> } {
    let made = this.#gates.get(key);
    if (made === undefined) {
      made = { begun: deferred(), gate: deferred<unknown>(), aborted: deferred<unknown>() };
      this.#gates.set(key, made);
    }
    return made;
  }
}
