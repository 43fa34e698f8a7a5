import fc from 'fast-check';
import {
  action,
  actionContext,
  asCompleted,
  type BatchResult,
  type CompletionConfig,
  callback,
  type DurableFuture,
  type Engine,
  event,
  type Flow,
  flow,
  flowContext,
  map,
  now,
  parallel,
  patched,
  RetryPresets,
  type ReturnWhen,
  random,
  shield,
  sleep,
  uuid,
  wait,
} from 'perdure';
import { observed, witness } from '../crash/observer.js';

/**
 * Small random flows. A program is data, given to the flow as its argument; whatever the flow comes to know is told to the observer, and what it does
 * next may depend on it.
 */

/** What a program can start. */
export type Start =
  | { readonly start: 'action'; readonly macrotasks: number; readonly fails: boolean }
  /** Fails so many times before it works; after three attempts for good. */
  | { readonly start: 'retried'; readonly failures: number }
  | { readonly start: 'sleep'; readonly ms: number }
  /** Something from outside, which an action brings about. */
  | { readonly start: 'event'; readonly macrotasks: number }
  | { readonly start: 'callback'; readonly macrotasks: number; readonly fails: boolean }
  | { readonly start: 'child'; readonly program: Program }
  | Batch;

/** A batch whose branches run programs. */
export interface Batch {
  readonly start: 'parallel' | 'map';
  readonly branches: readonly Program[];
  readonly maxConcurrency: number | null;
  readonly unfinished: 'cancel' | 'leave';
  readonly policy: BatchPolicy;
}

/** When a batch is complete; a minimum is cut down to the number of branches. */
export type BatchPolicy =
  | { readonly policy: 'default' }
  | {
      readonly policy: 'limits';
      readonly minSuccessful?: number;
      readonly toleratedFailureCount?: number;
      readonly toleratedFailurePercentage?: number;
    }
  /** A rule of the program's own: when so many have ended, by which it also may throw. */
  | { readonly policy: 'rule'; readonly ended: number; readonly decides: 'SUCCEEDED' | 'FAILED' | 'throws' };

export type Step =
  | Start
  /** Starts something and waits for it. */
  | { readonly step: 'call'; readonly what: Start }
  /** Waits for all that was started and not yet looked at, in some way. */
  | { readonly step: 'race' | 'any' | 'all' | 'allSettled' }
  | { readonly step: 'wait'; readonly returnWhen: ReturnWhen; readonly timeoutMs: number | null }
  | { readonly step: 'asCompleted'; readonly take: number }
  | { readonly step: 'result'; readonly index: number; readonly timeoutMs: number | null }
  | { readonly step: 'exception'; readonly index: number }
  | { readonly step: 'cancel' | 'detach'; readonly index: number }
  /** In a branch: waits for a future of the scope around it. */
  | { readonly step: 'outer'; readonly index: number; readonly race: boolean }
  | { readonly step: 'look' }
  | { readonly step: 'values' }
  /** Asks for a message that was sent before. */
  | { readonly step: 'kept' }
  /** Does something if the run has a change of code. */
  | { readonly step: 'patched'; readonly name: string; readonly program: Program }
  | { readonly step: 'shield'; readonly program: Program }
  /** Goes on beside what follows. */
  | { readonly step: 'closure'; readonly program: Program }
  | { readonly step: 'join' }
  /** Goes on asking, so many times, when it is cancelled. */
  | { readonly step: 'persist'; readonly times: number }
  | { readonly step: 'throw' };

export type Program = readonly Step[];

const act = action('act', async (macrotasks: number, fails: boolean) => {
  const { runId, operationId } = actionContext();
  observed().actionBegan(runId, operationId);
  for (let left = macrotasks; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
  if (fails) throw new RangeError(`${operationId} failed`);
  return operationId;
});

const retried = action(
  'retried',
  async (failures: number) => {
    const { runId, operationId, attempt } = actionContext();
    observed().actionBegan(runId, operationId);
    if (attempt <= failures) throw new RangeError(`${operationId} failed ${attempt} times`);
    return `${operationId} after ${attempt}`;
  },
  { retry: RetryPresets.fixed({ delay: 1, maxAttempts: 3 }) },
);

let engine: Engine | undefined;

/** The engine that the actions of programs send by. */
export function sendBy(next: Engine): void {
  engine = next;
}

/** Sends to the run that it is called in, after so many macrotasks; after a crash again. */
const tell = action('tell', async (name: string, macrotasks: number) => {
  const { runId, operationId } = actionContext();
  observed().actionBegan(runId, operationId);
  for (let left = macrotasks; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
  await engine?.send(runId, name, `by ${operationId}`);
});

const answer = action('answer', async (token: string, macrotasks: number, fails: boolean) => {
  const { runId, operationId } = actionContext();
  observed().actionBegan(runId, operationId);
  for (let left = macrotasks; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
  if (fails) await engine?.fail(token, new RangeError(`refused by ${operationId}`));
  else await engine?.complete(token, `by ${operationId}`);
});

export const runProgram: Flow<[Program], string> = flow('random program', async (program: Program) => {
  const saw = witness();
  const machine = new Machine(saw);
  try {
    await machine.run(program, '');
  } finally {
    await machine.join();
    machine.look('end');
  }
  return machine.counted;
});

/** Runs a program inside a flow. */
class Machine {
  readonly #saw: (what: string) => void;
  readonly #futures: DurableFuture<unknown>[] = [];
  readonly #closures: Promise<unknown>[] = [];
  readonly #cancelled = new Set<DurableFuture<unknown>>();
  /** In a branch: what had been started around it when its batch was. */
  readonly #outer: readonly DurableFuture<unknown>[];
  #events = 0;

  constructor(saw: (what: string) => void, outer: readonly DurableFuture<unknown>[] = []) {
    this.#saw = saw;
    this.#outer = outer;
  }

  get counted(): string {
    return `${this.#events} events`;
  }

  async run(program: Program, at: string): Promise<void> {
    for (const [index, step] of program.entries()) await this.#step(step, `${at}${index}`);
  }

  async join(): Promise<void> {
    for (let joined = 0; joined < this.#closures.length; joined += 1) {
      await this.#tell(`join ${joined}`, this.#closures[joined] as Promise<unknown>);
    }
  }

  look(at: string): void {
    for (const future of this.#cancelled)
      if (future.status !== 'CANCELLED') throw new Error(`${future.id} was cancelled and is ${future.status}`);
    this.#note(`${at} ${this.#futures.map((future) => `${future.id} ${future.status} ${future.done()}`).join(', ')}`);
  }

  async #step(step: Step, at: string): Promise<void> {
    if ('start' in step) {
      this.#futures.push(this.#start(step));
      return;
    }
    switch (step.step) {
      case 'call':
        return this.#tell(at, this.#start(step.what));
      case 'race':
        return this.#tell(at, this.#futures.length === 0 ? undefined : Promise.race(this.#futures));
      case 'any':
        return this.#tell(at, Promise.any(this.#futures));
      case 'all':
        return this.#tell(at, Promise.all(this.#futures));
      case 'allSettled':
        return this.#tell(
          at,
          Promise.allSettled(this.#futures).then((all) => all.map(({ status }) => status)),
        );
      case 'wait':
        return this.#tell(at, this.#wait(step.returnWhen, step.timeoutMs));
      case 'asCompleted':
        return this.#tell(at, this.#asCompleted(step.take, at));
      case 'result':
        return this.#tell(at, this.#at(step.index)?.result(step.timeoutMs === null ? {} : { timeout: step.timeoutMs }));
      case 'exception':
        return this.#tell(
          at,
          this.#at(step.index)
            ?.exception()
            .then((error) => error?.name),
        );
      case 'cancel':
        this.#cancel(this.#at(step.index), at);
        return;
      case 'detach': {
        const future = this.#at(step.index);
        // Its next attempts would be made beyond the end of its scope, as they should: an observer takes that for a repetition.
        if (future?.name !== 'retried') future?.detach();
        return;
      }
      case 'outer':
        return this.#tell(at, this.#waitOutside(step.index, step.race));
      case 'look':
        this.look(at);
        return;
      case 'values':
        this.#note(`${at} ${now()} ${random()} ${uuid()}`);
        return;
      case 'kept':
        return this.#tell(at, this.#kept());
      case 'patched': {
        const has = patched(step.name);
        this.#note(`${at} patched ${step.name} ${has}`);
        return has ? this.run(step.program, `${at}p`) : undefined;
      }
      case 'shield':
        return this.#tell(
          at,
          shield(() => this.run(step.program, `${at}s`)),
        );
      case 'closure':
        this.#closures.push(this.run(step.program, `${at}c`));
        // Its failure is told when it is joined.
        this.#closures.at(-1)?.catch(() => undefined);
        return;
      case 'join':
        // A closure that waited for all closures would wait for itself.
        return at.includes('c') ? undefined : this.join();
      case 'persist':
        return this.#tell(at, this.#persist(step.times));
      case 'throw':
        throw new EvalError(at);
    }
  }

  #cancel(future: DurableFuture<unknown> | undefined, at: string): void {
    this.#note(`${at} cancel ${future?.cancel('by program')}`);
    if (future?.status === 'CANCELLED') this.#cancelled.add(future);
  }

  #start(what: Start): DurableFuture<unknown> {
    const outer = [...this.#futures];
    switch (what.start) {
      case 'action':
        return act.start(what.macrotasks, what.fails);
      case 'retried':
        return retried.start(what.failures);
      case 'sleep':
        return sleep.start(what.ms);
      case 'event': {
        // Nobody else asks for it, and whoever sends it lives as long as this scope does.
        const name = uuid();
        tell.start(name, what.macrotasks);
        return event(name);
      }
      case 'callback': {
        const { token, future } = callback();
        answer.start(token, what.macrotasks, what.fails);
        return future;
      }
      case 'child':
        return runProgram.start(what.program);
      case 'parallel':
        return parallel.start(
          what.branches.map((program, index) => () => this.#branch(program, index, outer)),
          optionsOf(what),
        );
      case 'map':
        return map.start(what.branches, (program, index) => this.#branch(program, index, outer), optionsOf(what));
    }
  }

  /** Runs a program in a branch. What it has noted is lost when it is cancelled, and is not noted again when it has ended: the branch tells how much. */
  async #branch(program: Program, index: number, outer: readonly DurableFuture<unknown>[]): Promise<string> {
    const machine = new Machine(this.#saw, outer);
    try {
      await machine.run(program, `b${index}.`);
    } finally {
      await machine.join();
      machine.look('end');
    }
    return machine.counted;
  }

  /** Whoever asks has sent one before, so there is one for everybody, in whatever order they take them. */
  async #kept(): Promise<unknown> {
    await tell('kept', 0);
    return event('kept');
  }

  async #waitOutside(index: number, race: boolean): Promise<unknown> {
    if (this.#outer.length === 0) return undefined;
    const future = this.#outer[index % this.#outer.length] as DurableFuture<unknown>;
    if (!race) return future;
    const { done } = await wait([future, ...this.#futures], 'FIRST_COMPLETED');
    return [...done].map(({ id }) => id);
  }

  async #persist(times: number): Promise<number> {
    let refused = 0;
    // In a shield nothing is refused: what ends the loop is how often it asked.
    for (let asked = 0; asked < times && flowContext().cancelRequested; asked += 1) await act(0, false).catch(() => (refused += 1));
    return refused;
  }

  async #wait(returnWhen: ReturnWhen, timeoutMs: number | null): Promise<string> {
    const { done, notDone } = await wait(this.#futures, timeoutMs === null ? returnWhen : { returnWhen, timeout: timeoutMs });
    return `${[...done].map(({ id }) => id)} | ${[...notDone].map(({ id }) => id)}`;
  }

  async #asCompleted(take: number, at: string): Promise<void> {
    let taken = 0;
    for await (const future of asCompleted(this.#futures)) {
      this.#note(`${at} completed ${future.id} ${future.status}`);
      taken += 1;
      if (taken >= take) return;
    }
  }

  #at(index: number): DurableFuture<unknown> | undefined {
    return this.#futures.length === 0 ? undefined : this.#futures[index % this.#futures.length];
  }

  async #tell(at: string, promise: PromiseLike<unknown> | undefined): Promise<void> {
    try {
      this.#note(`${at} ${toldAs(await promise)}`);
    } catch (error) {
      this.#note(`${at} threw ${(error as Error).name}: ${(error as Error).message}`);
    }
  }

  #note(what: string): void {
    this.#events += 1;
    this.#saw(what);
  }
}

function optionsOf({ branches: { length }, maxConcurrency, unfinished, policy }: Batch): {
  unfinished: 'cancel' | 'leave';
  maxConcurrency?: number;
  completionConfig?: CompletionConfig;
} {
  return { unfinished, ...(maxConcurrency !== null && { maxConcurrency }), ...completionOf(policy, length) };
}

function completionOf(policy: BatchPolicy, total: number): { completionConfig?: CompletionConfig } {
  switch (policy.policy) {
    case 'default':
      return {};
    case 'limits': {
      const { policy: _, minSuccessful, ...limits } = policy;
      const minimum = minSuccessful === undefined || total === 0 ? {} : { minSuccessful: Math.min(minSuccessful, total) };
      return { completionConfig: { ...limits, ...minimum } };
    }
    case 'rule':
      return {
        completionConfig: {
          shouldComplete: ({ succeeded, failed, items }) => {
            if (succeeded + failed < policy.ended || items.every(({ status }) => status === 'FAILED')) return false;
            if (policy.decides === 'throws') throw new SyntaxError(`${succeeded} of ${items.length}`);
            return policy.decides;
          },
        },
      };
  }
}

/** What a value is told as: of a batch, all that there is to know. */
function toldAs(value: unknown): string {
  const isBatch = typeof value === 'object' && value !== null && 'completionReason' in value;
  if (!isBatch) return JSON.stringify(value);
  const { completionReason, all } = value as BatchResult<unknown>;
  const items = all.map((item) => {
    if (item.status === 'SUCCEEDED') return toldAs(item.result);
    return item.status === 'FAILED' ? `${item.error.name}: ${item.error.message}` : item.status;
  });
  return `${completionReason} ${items.join(' | ')}`;
}

const sometimes = fc.integer({ max: 2, min: 0 }).map((drawn) => drawn === 2);
const timeoutMs = fc.option(fc.integer({ min: 1, max: 5 }), { freq: 2 });
const index = fc.nat({ max: 7 });
const policy: fc.Arbitrary<BatchPolicy> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<BatchPolicy>({ policy: 'default' }) },
  {
    weight: 3,
    arbitrary: fc.record(
      {
        policy: fc.constant('limits' as const),
        minSuccessful: fc.integer({ min: 1, max: 3 }),
        toleratedFailureCount: fc.nat({ max: 2 }),
        toleratedFailurePercentage: fc.constantFrom(0, 34, 50, 100),
      },
      { requiredKeys: ['policy'] },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      policy: fc.constant('rule' as const),
      ended: fc.integer({ min: 1, max: 3 }),
      decides: fc.constantFrom('SUCCEEDED' as const, 'FAILED' as const, 'throws' as const),
    }),
  },
) as fc.Arbitrary<BatchPolicy>;

interface Level {
  readonly start: fc.Arbitrary<Start>;
  readonly step: fc.Arbitrary<Step>;
  readonly program: fc.Arbitrary<Program>;
}

/** What can be done where programs may lie in programs so many times; the steps that hold none are as likely everywhere. */
function level(deeper: number, changes: boolean): Level {
  const inner = deeper === 0 ? undefined : level(deeper - 1, changes).program;
  const start: fc.Arbitrary<Start> = fc.oneof(
    { weight: 5, arbitrary: fc.record({ start: fc.constant('action' as const), macrotasks: fc.nat({ max: 4 }), fails: sometimes }) },
    { weight: 1, arbitrary: fc.record({ start: fc.constant('retried' as const), failures: fc.nat({ max: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ start: fc.constant('event' as const), macrotasks: fc.nat({ max: 4 }) }) },
    { weight: 1, arbitrary: fc.record({ start: fc.constant('callback' as const), macrotasks: fc.nat({ max: 4 }), fails: sometimes }) },
    { weight: 2, arbitrary: fc.record({ start: fc.constant('sleep' as const), ms: fc.integer({ min: 1, max: 5 }) }) },
    ...(inner === undefined
      ? []
      : [
          { weight: 1, arbitrary: fc.record({ start: fc.constant('child' as const), program: inner }) },
          { weight: 4, arbitrary: batchOf(inner) },
        ]),
  );
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 8, arbitrary: start },
    { weight: 7, arbitrary: fc.record({ step: fc.constant('call' as const), what: start }) },
    { weight: 4, arbitrary: fc.record({ step: fc.constantFrom('race' as const, 'any', 'all', 'allSettled') }) },
    {
      weight: 4,
      arbitrary: fc.record({
        step: fc.constant('wait' as const),
        returnWhen: fc.constantFrom<ReturnWhen>('FIRST_COMPLETED', 'FIRST_EXCEPTION', 'ALL_COMPLETED'),
        timeoutMs,
      }),
    },
    { weight: 2, arbitrary: fc.record({ step: fc.constant('asCompleted' as const), take: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 2, arbitrary: fc.record({ step: fc.constant('result' as const), index, timeoutMs }) },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('exception' as const), index }) },
    { weight: 4, arbitrary: fc.record({ step: fc.constant('cancel' as const), index }) },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('detach' as const), index }) },
    { weight: 2, arbitrary: fc.record({ step: fc.constant('outer' as const), index, race: fc.boolean() }) },
    { weight: 4, arbitrary: fc.record({ step: fc.constantFrom('look' as const, 'values', 'join') }) },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('throw' as const) }) },
    { weight: 2, arbitrary: fc.record({ step: fc.constant('persist' as const), times: fc.integer({ min: 60, max: 130 }) }) },
    { weight: 1, arbitrary: fc.constant<Step>({ step: 'kept' }) },
    ...(inner === undefined || !changes
      ? []
      : [
          {
            weight: 2,
            arbitrary: fc.record({ step: fc.constant('patched' as const), name: fc.constantFrom('x', 'y', 'z'), program: inner }),
          },
        ]),
    ...(inner === undefined
      ? []
      : [{ weight: 3, arbitrary: fc.record({ step: fc.constantFrom('closure' as const, 'shield'), program: inner }) }]),
  );
  return { start, step, program: fc.array(step, { minLength: 1, maxLength: 4, size: 'max' }) };
}

function batchOf(program: fc.Arbitrary<Program>): fc.Arbitrary<Batch> {
  return fc.record({
    start: fc.constantFrom('parallel' as const, 'map'),
    branches: fc.array(program, { maxLength: 4, size: 'max' }),
    maxConcurrency: fc.option(fc.integer({ min: 1, max: 3 })),
    unfinished: fc.constantFrom('cancel' as const, 'leave'),
    policy,
  });
}

function programsOf(changes: boolean): fc.Arbitrary<Program> {
  return fc.array(level(2, changes).step, { minLength: 1, maxLength: 9, size: 'max' });
}

/** Programs of bounded size. */
export const programs: fc.Arbitrary<Program> = programsOf(true);

/**
 * The same without changes of code: whether a run has one that it has asked for and that is not recorded yet may be answered otherwise after a crash, as
 * other outcomes may be recorded by then.
 */
export const unchanging: fc.Arbitrary<Program> = programsOf(false);
