import fc from 'fast-check';
import {
  action,
  actionContext,
  asCompleted,
  type DurableFuture,
  type Flow,
  flow,
  now,
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
  | { readonly start: 'sleep'; readonly ms: number }
  | { readonly start: 'child'; readonly program: Program };

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
  | { readonly step: 'cancel'; readonly index: number }
  | { readonly step: 'look' }
  | { readonly step: 'values' }
  | { readonly step: 'shield'; readonly program: Program }
  /** Goes on beside what follows. */
  | { readonly step: 'closure'; readonly program: Program }
  | { readonly step: 'join' }
  | { readonly step: 'throw' };

export type Program = readonly Step[];

const act = action('act', async (macrotasks: number, fails: boolean) => {
  const { runId, operationId } = actionContext();
  observed().actionBegan(runId, operationId);
  for (let left = macrotasks; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
  if (fails) throw new RangeError(`${operationId} failed`);
  return operationId;
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
  #events = 0;

  constructor(saw: (what: string) => void) {
    this.#saw = saw;
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
      case 'look':
        this.look(at);
        return;
      case 'values':
        this.#note(`${at} ${now()} ${random()} ${uuid()}`);
        return;
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
      case 'throw':
        throw new EvalError(at);
    }
  }

  #cancel(future: DurableFuture<unknown> | undefined, at: string): void {
    this.#note(`${at} cancel ${future?.cancel('by program')}`);
    if (future?.status === 'CANCELLED') this.#cancelled.add(future);
  }

  #start(what: Start): DurableFuture<unknown> {
    switch (what.start) {
      case 'action':
        return act.start(what.macrotasks, what.fails);
      case 'sleep':
        return sleep.start(what.ms);
      case 'child':
        return runProgram.start(what.program);
    }
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
      this.#note(`${at} ${JSON.stringify(await promise)}`);
    } catch (error) {
      this.#note(`${at} threw ${(error as Error).name}: ${(error as Error).message}`);
    }
  }

  #note(what: string): void {
    this.#events += 1;
    this.#saw(what);
  }
}

const timeoutMs = fc.option(fc.integer({ min: 1, max: 5 }), { freq: 2 });
const index = fc.nat({ max: 7 });

/** Programs of bounded size. */
export const programs: fc.Arbitrary<Program> = fc.letrec<{ start: Start; step: Step; program: Program; root: Program }>((tie) => ({
  start: fc.oneof(
    { maxDepth: 2, depthIdentifier: 'program' },
    { weight: 5, arbitrary: fc.record({ start: fc.constant('action'), macrotasks: fc.nat({ max: 4 }), fails: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ start: fc.constant('sleep'), ms: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 2, arbitrary: fc.record({ start: fc.constant('child'), program: tie('program') }) },
  ) as fc.Arbitrary<Start>,
  step: fc.oneof(
    { maxDepth: 2, depthIdentifier: 'program' },
    { weight: 8, arbitrary: tie('start') },
    { weight: 3, arbitrary: fc.record({ step: fc.constant('call'), what: tie('start') }) },
    { weight: 4, arbitrary: fc.record({ step: fc.constantFrom('race', 'any', 'all', 'allSettled') }) },
    {
      weight: 4,
      arbitrary: fc.record({
        step: fc.constant('wait'),
        returnWhen: fc.constantFrom('FIRST_COMPLETED', 'FIRST_EXCEPTION', 'ALL_COMPLETED'),
        timeoutMs,
      }),
    },
    { weight: 2, arbitrary: fc.record({ step: fc.constant('asCompleted'), take: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 2, arbitrary: fc.record({ step: fc.constant('result'), index, timeoutMs }) },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('exception'), index }) },
    { weight: 4, arbitrary: fc.record({ step: fc.constant('cancel'), index }) },
    { weight: 4, arbitrary: fc.record({ step: fc.constantFrom('look', 'values', 'join') }) },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('throw') }) },
    { weight: 3, arbitrary: fc.record({ step: fc.constantFrom('closure', 'shield'), program: tie('program') }) },
  ) as fc.Arbitrary<Step>,
  program: fc.array(tie('step'), { minLength: 1, maxLength: 5, depthIdentifier: 'program' }),
  root: fc.array(tie('step'), { minLength: 1, maxLength: 9, size: 'max', depthIdentifier: 'program' }),
})).root;
