import { findStartable, type StartableAction } from '../engine/startables.js';
import type { EntryPoint } from '../errors/call-site.js';
import { UsageError } from '../errors/errors.js';
import type { DurableFuture } from '../futures/durable-future.js';
import type { Duration } from '../model/duration.js';
import { givenDuration } from '../options/durations.js';
import { refuseMore } from '../options/extra-arguments.js';
import { DURATION, isFunction, type OptionTable, readOptions, TEXT } from '../options/read-options.js';
import { readDecision } from '../runtime/attempts/retry-strategy.js';
import type { Action } from './action.js';
import { requireFlowPlace } from './place.js';

/** Whether to look again, and after how long. Default: at once. */
export interface PollDecision {
  readonly continue: boolean;
  readonly delay?: Duration;
}

/** Options of `waitForCondition`. */
export interface WaitForConditionOptions<S> {
  /** The state that the first look is given. It must be there, if only as `undefined`. */
  readonly initial: S;
  /** Decides after each look. `attempt` counts them, from 1. */
  readonly strategy: (state: S, attempt: number) => PollDecision;
  /** How long to go on, waits included: after that it has failed with a `TimeoutError`. Default: no limit. */
  readonly timeout?: Duration;
  /** What the operation is called in journals and logs. Default: the action's name. */
  readonly name?: string;
}

/** Waits for a condition; `start` gives a future of it, which cannot be detached: a child flow that waits can. */
export interface WaitForCondition {
  <S>(look: Action<[S], S>, options: WaitForConditionOptions<S>): Promise<S>;
  start<S>(look: Action<[S], S>, options: WaitForConditionOptions<S>): DurableFuture<S>;
}

const OPTIONS: OptionTable = {
  initial: [() => true, 'a state'],
  strategy: [isFunction, 'a function of the state and the number of the look'],
  timeout: DURATION,
  name: TEXT,
};

function begin(
  caller: string,
  look: unknown,
  options: WaitForConditionOptions<unknown>,
  entryPoint: EntryPoint,
  plain: boolean,
): DurableFuture<unknown> {
  const { definition, options: call } = requireAction(caller, look);
  const { initial, strategy, timeout, name = call.name } = readOptions(caller, options, OPTIONS);
  if (strategy === undefined)
    throw new UsageError('INVALID_OPTION', `${caller}: the option "strategy" is required: a function of the state`);
  if (!('initial' in options)) throw new UsageError('INVALID_OPTION', `${caller}: the option "initial" is required: a state`);
  const scheduleTimeoutMs = givenDuration(timeout, `${caller}: timeout`);
  const attempts = scheduleTimeoutMs === undefined ? call.attempts : { ...call.attempts, scheduleTimeoutMs };
  const next = (state: unknown, count: number): number | undefined =>
    readDecision(strategy(state, count), 'continue', `the strategy of ${caller}`);
  const place = requireFlowPlace(caller);
  return place.run.start(
    { kind: 'action', definition, ...call, name, args: [initial], attempts, poll: { next } },
    place,
    entryPoint,
    plain,
  );
}

const start = function (look: unknown, options: WaitForConditionOptions<unknown>): DurableFuture<unknown> {
  refuseMore('waitForCondition.start(look, options)', arguments);
  return begin('waitForCondition.start()', look, options, start, false);
} as WaitForCondition['start'];

/**
 * Calls an action with the state it found last, again and again, until the strategy says that this is the state that was waited for: its outcome. The waits
 * in between are durable, and only the last look is kept.
 *
 * @throws {UsageError} `NOT_STARTABLE`, `INVALID_OPTION` or `INVALID_DURATION`, or when called outside of a flow.
 * @throws {TimeoutError} `ACTION_TIMEOUT`
 * @example
 * const job = await waitForCondition(lookAtJob, {
 *   initial: { id: 'job-1', done: false },
 *   strategy: ({ done }) => ({ continue: !done, delay: '30s' }),
 * });
 */
export const waitForCondition: WaitForCondition = Object.assign(
  async function (look: unknown, options: WaitForConditionOptions<unknown>): Promise<unknown> {
    refuseMore('waitForCondition(look, options)', arguments);
    return begin('waitForCondition()', look, options, waitForCondition, true).result();
  },
  { start },
) as WaitForCondition;

function requireAction(caller: string, look: unknown): StartableAction {
  const startable = findStartable(look);
  if (startable?.definition.kind === 'action') return startable as StartableAction;
  throw new UsageError('NOT_STARTABLE', `${caller} takes an action that is given the last state and returns the next`);
}
