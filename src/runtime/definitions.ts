import type { Serdes } from '../codec/serdes.js';

/** What happens at the end of a scope to futures nobody took delivery of. */
export type LeakPolicy = 'warn' | 'error' | 'ignore';

/** What happens when a flow goes on after awaiting something that is not durable. */
export type NonDurableAwaitPolicy = 'warn' | 'error' | 'ignore';

type Body = (...args: readonly unknown[]) => unknown;

/** A registered flow. */
export interface FlowDefinition {
  readonly kind: 'flow';
  readonly name: string;
  readonly version: number;
  readonly body: Body;
  readonly leaks?: LeakPolicy | undefined;
  readonly serdes?: Serdes | undefined;
}

/** A registered action. */
export interface ActionDefinition {
  readonly kind: 'action';
  readonly name: string;
  readonly body: Body;
  readonly serdes?: Serdes | undefined;
}

/** When a timer is due: after a time from its first start, or at a point in time (milliseconds since the epoch). */
export type TimerDue = { readonly afterMs: number } | { readonly atMs: number };

/** What a flow's code may start. */
export type OperationRequest =
  | {
      readonly kind: 'action';
      readonly definition: ActionDefinition;
      readonly name: string;
      readonly args: readonly unknown[];
      readonly serdes?: Serdes | undefined;
    }
  | {
      readonly kind: 'flow';
      readonly definition: FlowDefinition;
      readonly name: string;
      readonly args: readonly unknown[];
      readonly id?: string | undefined;
      readonly leaks?: LeakPolicy | undefined;
    }
  | {
      readonly kind: 'timer';
      readonly name: string;
      readonly due: TimerDue;
    };
