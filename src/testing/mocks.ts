import type { Codec } from '../codec/codec.js';
import type { Serdes } from '../codec/serdes.js';
import { findStartable } from '../engine/startables.js';
import { UsageError } from '../errors/errors.js';
import type { Duration } from '../model/duration.js';
import { isError } from '../model/value-kinds.js';
import { requireDuration } from '../options/durations.js';
import { DURATION, readOptions } from '../options/read-options.js';
import { recognisable } from '../realm/recognisable.js';
import type { ActionDefinition, Body, FlowDefinition } from '../runtime/definitions.js';
import { currentPlace } from '../runtime/scopes/current-place.js';

/** A flow or an action, as a test names it. */
export type Mockable<A extends readonly unknown[], R> = (...args: A) => Promise<R>;

/** Options of a mock. */
export interface MockOptions<A extends readonly unknown[] = readonly unknown[]> {
  /** Virtual time that each call takes, or a function of its arguments that tells it. */
  readonly latency?: Duration | ((...args: A) => Duration);
}

/** Values, errors and functions that stand in one after the other; made by `sequence`. */
export class Sequence<T> {
  readonly steps: readonly T[];

  constructor(steps: readonly T[]) {
    this.steps = steps;
  }
}

recognisable(Sequence, 'Sequence');

/**
 * Stands in call by call: each call takes the next, and those after the last take the last again.
 *
 * @throws {UsageError} `INVALID_ARGUMENT` when it is empty.
 * @example
 * engine.mock(charge, sequence(new Error('busy'), new Error('busy'), 'receipt-1'));
 */
export function sequence<T>(...steps: T[]): Sequence<T>;
export function sequence<const T extends readonly unknown[]>(...steps: T): Sequence<T[number]>;
export function sequence(...steps: unknown[]): Sequence<unknown> {
  if (steps.length === 0)
    throw new UsageError('INVALID_ARGUMENT', 'sequence() takes what stands in for the first call, the second, and so on');
  return new Sequence(steps);
}

/** What can stand in: a function, an error to fail with, or a value to succeed with. */
export type StandIn<A extends readonly unknown[], R> = ((...args: A) => Promise<R> | R) | Error | R;

/** The type as it is, with nothing inferred from what is given for it: `NoInfer`, which TypeScript before 5.4 does not have. */
export type Settled<R> = [R][R extends unknown ? 0 : never];

interface Mock {
  readonly standIn: unknown;
  readonly latencyMs: (args: readonly unknown[]) => number;
  calls: number;
}

/** What is known of one flow or action in an engine. */
interface Target {
  mock: Mock | undefined;
  /** Whether anything ever stood in for it. */
  mocked: boolean;
  readonly calls: (readonly unknown[])[];
  /** How many bodies are under way, and the most that ever were. */
  inFlight: number;
  mostInFlight: number;
}

type Definition = ActionDefinition | FlowDefinition;

/** Which operation an action is begun for. */
export interface BegunAction {
  readonly runId: string;
  readonly operationId: string;
  readonly name: string;
}

interface MocksHost {
  /** Calls back when so much virtual time has passed; returns what calls it off. */
  setTimer(delayMs: number, callback: () => void): () => void;
  /** What the arguments of flows and actions without a serdes of their own are written with. */
  readonly codec: Codec;
  /** The body of an action is under way, and its time is not virtual; returns what ends that. */
  working(): () => void;
  /** The body of an action is begun. */
  readonly onAction?: ((action: BegunAction) => void) | undefined;
}

/**
 * What stands in for flows and actions in one engine, and what they were called with.
 *
 *   MK1  Calls are recorded whether anything stands in or not: those of actions each time their body is begun, those of flows too.
 */
export class Mocks {
  readonly #host: MocksHost;
  readonly #targets = new Map<string, Target>();
  readonly #serdes = new Map<string, Serdes>();

  constructor(host: MocksHost) {
    this.#host = host;
  }

  /** @returns What takes the mock away. */
  add(caller: string, target: unknown, standIn: unknown, options: MockOptions<never> | undefined): () => void {
    const of = this.#target(requireDefinition(caller, target));
    const { latency } = readOptions(caller, options, { latency: DURATION });
    const mock: Mock = { standIn, latencyMs: latencyOf(latency, `${caller}: latency`), calls: 0 };
    of.mock = mock;
    of.mocked = true;
    return () => {
      if (of.mock === mock) of.mock = undefined;
    };
  }

  /** Takes all mocks away. */
  clear(): void {
    for (const target of this.#targets.values()) target.mock = undefined;
  }

  /** The arguments of each call so far, in order. */
  calls(caller: string, target: unknown): readonly (readonly unknown[])[] {
    return [...this.#target(requireDefinition(caller, target)).calls];
  }

  /** Whether anything ever stood in for it. */
  mocked(definition: Definition): boolean {
    return this.#target(definition).mocked;
  }

  /** What the values of an action were written with, where it has a serdes of its own. */
  serdesOf(runId: string, operationId: string): Serdes | undefined {
    return this.#serdes.get(`${runId} ${operationId}`);
  }

  /** The most bodies of it that were under way at once; latency counts. */
  mostInFlight(caller: string, target: unknown): number {
    return this.#target(requireDefinition(caller, target)).mostInFlight;
  }

  /** What an engine calls in place of a definition's body. */
  bodyOf(definition: Definition): Body {
    const target = this.#target(definition);
    return async (...args) => {
      target.calls.push(copied(args, this.#host.codec.withSerdes(definition.serdes)));
      const place = currentPlace();
      if (place?.kind === 'action') {
        const { runId, operationId } = place.context;
        if (definition.serdes !== undefined) this.#serdes.set(`${runId} ${operationId}`, definition.serdes);
        this.#host.onAction?.({ runId, operationId, name: place.name });
      }
      target.inFlight += 1;
      target.mostInFlight = Math.max(target.mostInFlight, target.inFlight);
      try {
        return await this.#call(definition, target, args);
      } finally {
        target.inFlight -= 1;
      }
    };
  }

  #target({ kind, name }: Definition): Target {
    const key = `${kind} ${name}`;
    const known = this.#targets.get(key);
    if (known !== undefined) return known;
    const target: Target = { mock: undefined, mocked: false, calls: [], inFlight: 0, mostInFlight: 0 };
    this.#targets.set(key, target);
    return target;
  }

  async #call(definition: Definition, { mock }: Target, args: readonly unknown[]): Promise<unknown> {
    const latencyMs = mock?.latencyMs(args) ?? 0;
    if (latencyMs > 0) await this.#pass(latencyMs);
    const body = mock === undefined ? definition.body : bodyOfMock(mock);
    if (definition.kind === 'flow') return body(...args);
    const done = this.#host.working();
    try {
      return await body(...args);
    } finally {
      done();
    }
  }

  /** Lets virtual time pass: for a flow as its sleep, for an action until it is told to stop. */
  async #pass(ms: number): Promise<void> {
    const place = currentPlace();
    if (place?.kind === 'flow') {
      await place.run.start({ kind: 'timer', name: 'latency', due: { afterMs: ms } }, place).result();
      return;
    }
    const signal = place?.context.signal;
    await new Promise<void>((resolve, reject) => {
      const callOff = this.#host.setTimer(ms, resolve);
      signal?.addEventListener('abort', () => {
        callOff();
        reject(signal.reason as Error);
      });
    });
  }
}

function latencyOf(latency: MockOptions<never>['latency'], caller: string): Mock['latencyMs'] {
  if (typeof latency === 'function') return (args) => requireDuration((latency as Body)(...args) as Duration, caller);
  const ms = requireDuration(latency ?? 0, caller);
  return () => ms;
}

function bodyOfMock(mock: Mock): Body {
  const { standIn } = mock;
  const step = standIn instanceof Sequence ? standIn.steps[Math.min(mock.calls, standIn.steps.length - 1)] : standIn;
  mock.calls += 1;
  if (typeof step === 'function') return step as Body;
  return () => {
    if (isError(step)) throw step;
    return step;
  };
}

/** What a body does to its arguments is not seen in its calls. The codec has made them, and makes them once more as they are. */
function copied(args: readonly unknown[], codec: Codec): readonly unknown[] {
  try {
    return codec.decode(codec.encode(args, () => 'a call')) as readonly unknown[];
  } catch {
    return [...args];
  }
}

function requireDefinition(caller: string, target: unknown): Definition {
  const startable = findStartable(target);
  if (startable !== undefined) return startable.definition;
  throw new UsageError('NOT_STARTABLE', `${caller} takes what flow() or action() made, not ${typeof target}`);
}
