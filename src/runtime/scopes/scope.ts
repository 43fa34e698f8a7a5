import { hash } from 'node:crypto';
import { type CancelledError, UsageError } from '../../errors/errors.js';
import type { Future } from '../../futures/future.js';
import type { Abortable } from '../../futures/future-owner.js';
import { type KeptSites, LeakLedger } from '../../futures/leak-ledger.js';
import { operationId, scopeOf } from '../../journal/numbering.js';
import { ArrivalOrder } from '../../model/arrival-order.js';

/** Something that a scope has started and that is not done: an operation. */
export interface ScopeMember {
  /** Whether it is not done. */
  readonly pending: boolean;
  /** Whether cancellation of the scope passes it by. */
  readonly spared: boolean;
  /** Whether it goes on by itself when the scope ends. */
  readonly outlives: boolean;
  /** Whether it has been cancelled, and is only coming to its end. */
  readonly stopped: boolean;
  /** Cancels it in this turn, so that code that waits for it goes on. Returns whether that resumed code. */
  cancelWith(error: CancelledError): boolean;
  /** Ends it with its scope, without telling any code. */
  end(reason: CancelledError): void;
  /** Whether it runs code that is to be told that its scope has ended. @param shielded - What was started in a shield as well. */
  runsCode(shielded: boolean): boolean;
  /** Its scope has ended: cancels the code that it runs. Returns whether that resumed any. */
  windUp(error: CancelledError): boolean;
  /** Its scope has ended, and it goes on by itself. */
  outlive(): void;
}

/** What a branch within has noted as taken, of an operation around it. */
const TAKEN = { attended: true };

/** How deep batches can be nested: many more, all begun in one turn, would overflow the stack. */
const MAX_DEPTH = 200;

const isPending = ({ pending }: ScopeMember): boolean => pending;

interface ScopeInit {
  readonly path: string;
  readonly seed: string;
  /** How messages call the run. */
  readonly run: { readonly what: string };
  readonly callSites: KeptSites;
  readonly parent?: Scope;
  readonly branch?: string;
}

/**
 * A numbering, leak-accounting and cancellation area: the run itself, or one branch of `parallel` and `map`.
 *
 * Owns: the ordinals, the draws, the open futures, the pending operations and the waits of the area, and what its code took of scopes around it.
 *
 * States: open; cancelled (sticky) and still open; closed.
 *
 *   C1  Ordinals and draws are taken synchronously, so the same code takes the same ones on every replay.
 *   C2  A branch that is not over belongs to the scope of its batch, cancelled or not: closing a scope closes everything within.
 *   C3  When its body has ended, the code within is cancelled, and cleans up, before the scope is closed: in the next turn, or, if it was started in a
 *       shield, when no shield is open.
 */
export class Scope {
  readonly path: string;
  readonly parent: Scope | undefined;
  /** The name of the branch it is; `null` for the run itself. */
  readonly branch: string | null;
  /** How many scopes there are around it. */
  readonly depth: number;
  readonly ledger: LeakLedger;
  /** Set once it is cancelled: everything outside shields is refused from then on. */
  cancelled: CancelledError | undefined;
  /** Nothing can be started in it any more. */
  closed = false;
  /** Bodies of shields that have not ended, those in its branches included. */
  shields = 0;
  /** The last turn in which a delivery resumed its code. */
  turn = 0;
  readonly #seed: string;
  readonly #run: ScopeInit['run'];
  readonly #callSites: KeptSites;
  readonly #members = new ArrivalOrder<ScopeMember>(isPending);
  // Made when they are needed: there may be many branches, and most start little.
  #waits: Map<Abortable, boolean> | undefined;
  #borrowed: Map<string, { readonly attended: boolean }> | undefined;
  #ordinal = 0;
  #draws = 0;

  constructor({ path, seed, run, callSites, parent, branch }: ScopeInit) {
    this.path = path;
    this.#seed = seed;
    this.#run = run;
    this.#callSites = callSites;
    this.ledger = new LeakLedger(callSites);
    this.parent = parent;
    this.branch = branch ?? null;
    this.depth = parent === undefined ? 0 : parent.depth + 1;
  }

  /** Lets a batch begin here. @throws {UsageError} `INVALID_ARGUMENT` when batches are nested too deep: what goes through all of them takes stack. */
  requireRoom(caller: string): void {
    if (this.depth < MAX_DEPTH) return;
    throw new UsageError(
      'INVALID_ARGUMENT',
      `${caller} in ${this.what}: batches can be nested ${MAX_DEPTH} deep; go over the levels in a loop, or start a child flow in the branch`,
    );
  }

  /** The scope of a branch. */
  inner(path: string, branch: string): Scope {
    return new Scope({ path, seed: this.#seed, run: this.#run, callSites: this.#callSites, parent: this, branch });
  }

  /** How messages call it. */
  get what(): string {
    return this.branch === null ? this.#run.what : `branch "${this.branch}" (${this.path}) of ${this.#run.what}`;
  }

  /** Whether it is the other scope, or lies in it. */
  isWithin(other: Scope): boolean {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) if (scope === other) return true;
    return false;
  }

  /** Whether it is cancelled, or a scope around it: that passes by what runs in a shield. */
  get isBeingCancelled(): boolean {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) if (scope.cancelled !== undefined) return true;
    return false;
  }

  /** A branch within took delivery of an operation of this scope, or of one around it: every scope up to that one has to know. */
  observe(operationId: string): void {
    const home = scopeOf(operationId);
    let scope: Scope | undefined = this;
    for (; scope !== undefined && scope.path !== home; scope = scope.parent) {
      scope.#borrowed ??= new Map();
      scope.#borrowed.set(operationId, TAKEN);
    }
    scope?.ledger.observe(operationId);
  }

  /** The id of the next operation that is started here. */
  nextOperationId(): string {
    const id = operationId(this.path, this.#ordinal);
    this.#ordinal += 1;
    return id;
  }

  /** 32 hexadecimal digits: the next draw of this scope, the same on every replay. */
  draw(): string {
    this.#draws += 1;
    return hash('sha256', `${this.#seed}:${this.path}:${this.#draws}`, 'hex').slice(0, 32);
  }

  add(member: ScopeMember): void {
    this.#members.add(member);
  }

  /** One of its members is done. */
  left(): void {
    this.#members.left();
  }

  /** Somebody waits here. Returns what says that they do no longer. */
  enterWait(wait: Abortable, shielded: boolean): () => void {
    this.#waits ??= new Map();
    this.#waits.set(wait, shielded);
    return () => this.#waits?.delete(wait);
  }

  /** A shield begins; returns what ends it. */
  enterShield(): () => void {
    this.#countShields(1);
    return () => this.#countShields(-1);
  }

  /** Its code attends to a future of a scope around it. */
  borrow(operationId: string, future: Future<unknown>): void {
    this.#borrowed ??= new Map();
    if (this.#borrowed.get(operationId) !== TAKEN) this.#borrowed.set(operationId, future);
  }

  /** Whether nothing is pending here that could resume its code. */
  get idle(): boolean {
    for (const member of this.#members.present) if (!member.stopped) return false;
    return this.#waits === undefined || this.#waits.size === 0;
  }

  /** The operations of scopes around it that were taken delivery of, or are waited for, perhaps here; and those that branches within have noted. */
  observedOutside(): string[] {
    if (this.#borrowed === undefined) return [];
    return [...this.#borrowed].filter(([, { attended }]) => attended).map(([id]) => id);
  }

  /** Cancels everything outside shields, waits first. Returns whether that resumed code. */
  cancel(error: CancelledError): boolean {
    this.cancelled = error;
    let resumed = false;
    for (const [wait, shielded] of this.#waits ?? []) {
      if (shielded) continue;
      this.#waits?.delete(wait);
      if (wait.abort(error)) resumed = true;
    }
    for (const member of this.#members.present) {
      // One may take others with it.
      if (member.pending && !member.spared && member.cancelWith(error)) resumed = true;
    }
    return resumed;
  }

  /** Whether it runs code that is to be told that the scope has ended (C3). */
  get runsCode(): boolean {
    const unshielded = this.shields === 0;
    return this.#members.present.some((member) => member.pending && member.runsCode(unshielded));
  }

  /** Its body has ended: cancels the code that it runs (C3). Returns whether that resumed any. */
  windUp(error: CancelledError): boolean {
    const unshielded = this.shields === 0;
    let resumed = false;
    for (const member of this.#members.present) {
      // One may take others with it.
      if (member.pending && member.runsCode(unshielded) && member.windUp(error)) resumed = true;
    }
    return resumed;
  }

  /** Ends everything that cannot go on by itself, down to the branches of branches. */
  close(reason: () => CancelledError): void {
    this.closed = true;
    let error: CancelledError | undefined;
    for (const member of this.#members.present) {
      if (!member.pending || member.outlives) continue;
      error ??= reason();
      member.end(error);
    }
  }

  /** The branch was ended with the scope around it, which has to let go on what can. */
  handOver(): void {
    for (const member of this.#members.present) this.parent?.add(member);
  }

  /** What was detached goes on by itself. */
  outliveAll(): void {
    for (const member of this.#members.present) if (member.pending) member.outlive();
  }

  #countShields(by: number): void {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.parent) scope.shields += by;
  }
}
