import { type Action, action, actionContext, type DurableFuture, type Engine, type Flow, flow, shield } from 'perdure';
import { observed, witness } from './observer.js';

/** What the flows are made of that are crashed, and what a case is. */

function begun(): void {
  const { runId, operationId } = actionContext();
  observed().actionBegan(runId, operationId);
}

/** Answers after so many macrotasks. */
export const work: Action<[name: string, macrotasks?: number], string> = action('work', async (name: string, macrotasks?: number) => {
  begun();
  for (let left = macrotasks ?? 0; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
  return `${name}!`;
});

export const fail: Action<[name: string, macrotasks?: number], never> = action('fail', async (name: string, macrotasks?: number) => {
  begun();
  for (let left = macrotasks ?? 0; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
  throw new RangeError(`${name} failed`);
});

/** Comes to its end only when it is told to stop. */
export const hang: Action<[], void> = action('hang', async () => {
  begun();
  const { signal } = actionContext();
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
});

/** The engine that `cancelRun` asks. */
let cancelling: Engine | undefined;

export function cancelThrough(engine: Engine): void {
  cancelling = engine;
}

export const cancelRun: Action<[reason: string], void> = action('cancelRun', async (reason: string) => {
  begun();
  await cancelling?.cancel(actionContext().runId, reason);
});

export const grandchild: Flow<[string], string> = flow('grandchild', async (name: string) => {
  const saw = witness();
  const value = await work(name, 1);
  saw(value);
  return value;
});

export const child: Flow<[string], string> = flow('child', async (name: string) => {
  const saw = witness();
  const one = grandchild.start(`${name}1`);
  const two = work.start(`${name}2`, 2);
  const values = [await one, await two];
  saw(values.join());
  if (name === 'bad') throw new TypeError(`child ${name}`);
  return values.join();
});

export const slow: Flow<[], string> = flow('slow', async () => {
  const saw = witness();
  try {
    await hang();
    return 'never';
  } finally {
    saw('slow stops');
    await shield(async () => saw(await work('cleaned', 1)));
  }
});

/** A flow to be crashed. */
export interface CrashCase {
  readonly name: string;
  start(engine: Engine, id: string): DurableFuture<unknown>;
  /** How every run of it ends: its result as JSON, or the name and message of its error. */
  readonly ends: RegExp;
}

export function caseOf(of: Flow<[], unknown>, ends: RegExp): CrashCase {
  return { name: of.name, ends, start: (engine, id) => engine.start(of, [], { id, leaks: 'ignore' }) };
}

/** How a run ended, in the words of `CrashCase.ends`. */
export async function endOf(future: DurableFuture<unknown>): Promise<string> {
  try {
    return JSON.stringify(await future.result());
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}
