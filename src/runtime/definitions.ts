import type { BatchSettings } from '../batch/batch-settings.js';
import type { Serdes } from '../codec/serdes.js';
import type { RetryStrategy } from './attempts/retry-strategy.js';

/** What happens at the end of a scope to futures that no code took delivery of. */
export type LeakPolicy = 'warn' | 'error' | 'ignore';

/** What happens when a flow goes on after awaiting something that is not durable. */
export type NonDurableAwaitPolicy = 'warn' | 'error' | 'ignore';

export type Body = (...args: readonly unknown[]) => unknown;

/** A registered flow. */
export interface FlowDefinition {
  readonly kind: 'flow';
  readonly name: string;
  readonly version: number;
  readonly body: Body;
  readonly leaks?: LeakPolicy | undefined;
  readonly serdes?: Serdes | undefined;
  /** How long a run may take. */
  readonly timeoutMs?: number | undefined;
  /** What becomes of a child run that fails. */
  readonly retry?: RetryStrategy | undefined;
}

/** How often a body may be begun when processes crash: again, or not without counting as a failed attempt. */
export type Execution = 'at-least-once' | 'at-most-once';

/** How an action is tried. Left out: no limit, and the engine's strategy. */
export interface AttemptPolicy {
  readonly retry?: RetryStrategy | undefined;
  /** Of one attempt. */
  readonly timeoutMs?: number | undefined;
  /** Of all attempts, from the start of the operation. */
  readonly scheduleTimeoutMs?: number | undefined;
  /** Between two heartbeats of one attempt. */
  readonly heartbeatTimeoutMs?: number | undefined;
  readonly execution?: Execution | undefined;
}

/** A registered action. */
export interface ActionDefinition {
  readonly kind: 'action';
  readonly name: string;
  readonly body: Body;
  readonly serdes?: Serdes | undefined;
  readonly policy: AttemptPolicy;
  /** How many of its bodies may run at once in an engine; `undefined`: any number. */
  readonly concurrency?: number | undefined;
}

/** When a timer is due: after a time from its first start, or at a point in time (milliseconds since the epoch). */
export type TimerDue = { readonly afterMs: number } | { readonly atMs: number };

/** How long a callback is waited for: in all, and from one sign of life to the next. */
export interface CallbackLimits {
  readonly timeoutMs?: number | undefined;
  readonly heartbeatTimeoutMs?: number | undefined;
}

/** How a condition is waited for: its action is called with the state that it found last, as long as the strategy says so. */
export interface PollPolicy {
  /** Milliseconds until the next look; `undefined`: the state is the outcome. `count` is how often it was looked, from 1. */
  readonly next: (state: unknown, count: number) => number | undefined;
}

/** What a flow's code may start. */
export type OperationRequest =
  | {
      readonly kind: 'action';
      readonly definition: ActionDefinition;
      readonly name: string;
      readonly args: readonly unknown[];
      readonly serdes?: Serdes | undefined;
      /** What this call says of its attempts; the rest is as the action has it. */
      readonly attempts?: AttemptPolicy | undefined;
      /** Given when the action is called until its state is the one that is waited for. */
      readonly poll?: PollPolicy;
    }
  | {
      readonly kind: 'flow';
      readonly definition: FlowDefinition;
      readonly name: string;
      readonly args: readonly unknown[];
      readonly id?: string | undefined;
      readonly leaks?: LeakPolicy | undefined;
      readonly timeoutMs?: number | undefined;
      readonly retry?: RetryStrategy | undefined;
    }
  | {
      readonly kind: 'timer';
      readonly name: string;
      readonly due: TimerDue;
      /** Given when it limits a wait. */
      readonly limit?: true;
    }
  | {
      readonly kind: 'event';
      readonly name: string;
      /** How long an event is waited for, from its start. */
      readonly timeoutMs?: number | undefined;
      /** Given for a callback: how long it is waited for. */
      readonly callback?: CallbackLimits;
    }
  | {
      readonly kind: 'parallel';
      readonly name: string;
      /** `key`: of a branch in an object. */
      readonly branches: readonly { readonly name: string; readonly key?: string; readonly run: () => unknown }[];
      readonly settings: BatchSettings;
    }
  | {
      readonly kind: 'map';
      readonly name: string;
      readonly items: readonly unknown[];
      readonly itemName: (index: number) => string;
      readonly call: (item: unknown, index: number, items: readonly unknown[]) => unknown;
      readonly settings: BatchSettings;
    };
