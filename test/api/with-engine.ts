import {
  type DurableFuture,
  type Engine,
  type EngineEvents,
  type EngineOptions,
  flow,
  type LogFields,
  type Logger,
  open,
  type Serdes,
} from 'perdure';
import { onTestFinished } from 'vitest';

let names = 0;

/** A name no other test of this file uses. */
export function unique(prefix = 'test'): string {
  names += 1;
  return `${prefix}-${names}`;
}

export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: LogFields;
}

/** The lines that tell of something else than what failed: each failed attempt has a line, and each failed run that nobody waits for. */
export function besideFailures(lines: readonly LogLine[]): LogLine[] {
  return lines.filter(
    ({ message }) => !/^attempt \d+ .*failed: /s.test(message) && !message.includes('failed, and nobody waits for its result'),
  );
}

/** A logger that keeps its lines. */
export function collectingLogger(): { readonly logger: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: keyof Logger) =>
    (message: string, fields: LogFields = {}): void => {
      lines.push({ level, message, fields });
    };
  return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

export interface Opened {
  readonly engine: Engine;
  readonly lines: LogLine[];
}

/** An engine of its own for one test, in memory unless told otherwise, closed after it. */
export async function openEngine(options: EngineOptions = {}): Promise<Opened> {
  const { logger, lines } = collectingLogger();
  const engine = await open({ store: ':memory:', default: false, logger, ...options });
  onTestFinished(() => engine.close({ timeout: 0 }));
  return { engine, lines };
}

/** Starts a body as a flow on an engine of its own. */
export async function startFlow<R>(body: () => Promise<R>, options: EngineOptions = {}): Promise<Opened & { future: DurableFuture<R>[] }> {
  const opened = await openEngine(options);
  // In an array: an async function that returned the future would return its result.
  return { ...opened, future: [opened.engine.start(flow(unique('body'), body), [])] };
}

/** Runs a body as a flow on an engine of its own, to its end. */
export async function inFlow<R>(body: () => Promise<R>, options: EngineOptions = {}): Promise<R> {
  const { future } = await startFlow(body, options);
  return (future[0] as DurableFuture<R>).result();
}

export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** A serdes that reads what it has written until its key is lost; then it throws the error. */
export function keyedSerdes(error: Error): { readonly serdes: Serdes; loseKey(): void } {
  let key = true;
  const deserialize = (text: string): unknown => {
    if (key) return JSON.parse(text) as unknown;
    throw error;
  };
  return {
    serdes: { serialize: (value) => JSON.stringify(value), deserialize },
    loseKey() {
      key = false;
    },
  };
}

/** What a call or a promise throws; an error when it throws nothing. */
export async function thrownBy(call: () => unknown): Promise<Error & { readonly code?: string }> {
  try {
    await call();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it threw nothing');
}

/** The next event of a kind. */
export function nextEvent<E extends keyof EngineEvents>(
  engine: Engine,
  event: E,
  when: (payload: EngineEvents[E]) => boolean = () => true,
): Promise<EngineEvents[E]> {
  return new Promise((resolve) => {
    const off = engine.on(event, (payload) => {
      if (!when(payload)) return;
      off();
      resolve(payload);
    });
  });
}

/** Lets everything that is due now happen, some macrotasks long. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
