import type { TimerDue } from '../definitions.js';
import { Operation, type OperationInit } from './operation.js';

/** A durable timer: due at the wall clock of its first start plus its duration, committed with its start entry. */
export class Timer extends Operation {
  #callOff: (() => void) | undefined;

  constructor(init: OperationInit, due: TimerDue) {
    super(init);
    this.entry.dueAt = 'atMs' in due ? due.atMs : this.entry.startedAt + due.afterMs;
  }

  protected dispatch(): void {
    if (this.recovered) this.#arm();
    else this.write(() => this.#arm());
  }

  override get restsUntil(): number | null | undefined {
    return this.#callOff === undefined ? undefined : this.entry.dueAt;
  }

  protected release(): void {
    this.#callOff?.();
  }

  #arm(): void {
    if (this.stopped) return;
    this.#callOff = this.run.host.setAlarm(this.entry.dueAt as number, () => this.run.complete(this, 'SUCCEEDED', ''));
  }
}
