import { inCleanContext } from '../../clock/clean-context.js';
import { UsageError } from '../../errors/errors.js';
import type { AttemptNotes } from '../../journal/attempt-notes.js';
import { whatIs } from '../../model/named.js';
import type { ActionDefinition, AttemptPolicy, PollPolicy } from '../definitions.js';
import { CallAction } from './call-action.js';
import type { OperationInit } from './operation.js';

interface WaitInit {
  readonly definition: ActionDefinition;
  readonly attempts: AttemptPolicy | undefined;
  readonly poll: PollPolicy;
}

/** An action that is called again and again with the state it found last, until that is the one that is waited for. Only the last look is kept. */
export class WaitForCondition extends CallAction {
  override readonly scheduleLimit: string = 'timeout';
  readonly #poll: PollPolicy;

  constructor(init: OperationInit, { definition, attempts, poll }: WaitInit) {
    super(init, definition, attempts);
    this.#poll = poll;
  }

  override readArguments(notes: AttemptNotes): readonly unknown[] {
    return notes.polls === undefined ? super.readArguments(notes) : [this.codec.decode(notes.polls.state)];
  }

  /** A worker that takes a detached action over knows the action, and not the strategy. @throws {UsageError} `INVALID_ARGUMENT` */
  override detach(): void {
    throw new UsageError(
      'INVALID_ARGUMENT',
      `${whatIs(this.entry)} waits for a condition and cannot be detached: its strategy is code of this flow, and nobody could go by it when that has ended; call waitForCondition() in a child flow, and detach that`,
    );
  }

  again(value: unknown, { polls }: AttemptNotes): AttemptNotes | undefined {
    const count = (polls?.count ?? 0) + 1;
    const state = this.encode(value);
    let found: unknown;
    try {
      found = this.codec.decode(state);
    } catch (error) {
      this.unreadable('the state that was found', error);
      return undefined;
    }
    const delayMs = inCleanContext(this.#poll.next, found, count);
    if (delayMs === undefined) return undefined;
    return { failures: 0, kept: [], polls: { count, state }, nextAt: this.services.clock.now() + delayMs };
  }
}
