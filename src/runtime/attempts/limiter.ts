import { inCleanContext } from '../../clock/clean-context.js';

/** Who asks for a slot. */
export interface SlotRequest {
  readonly action: string;
  /** How many of the action may run at once; `undefined`: any number. */
  readonly concurrency: number | undefined;
  readonly runId: string;
  readonly operationId: string;
}

/** Called when there is a slot; gives it back by the function it is given. */
export type Granted = (release: () => void) => void;

const nothing = (): void => {};

/**
 * How many bodies of actions run at once in an engine: of each action, and of all together.
 *
 *   LI1  A slot is held until the body has really ended.
 *   LI2  Runs that wait get slots in turn, each its oldest request: one run with many actions does not keep out the others.
 */
export class Limiter {
  readonly #all: Gate | undefined;
  readonly #actions = new Map<string, Gate>();
  /** The calls that wait. */
  readonly #waiting = new Set<string>();
  #closed = false;

  /** @param most - Of all actions together; `undefined`: any number. */
  constructor(most: number | undefined) {
    this.#all = most === undefined ? undefined : new Gate(most);
  }

  /** From now on no request gets a slot. */
  close(): void {
    this.#closed = true;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Grants a slot, at once if there is one. Returns what calls the request off while it waits, and does nothing afterwards. */
  acquire(request: SlotRequest, onGranted: Granted): () => void {
    if (this.#closed) return nothing;
    if (request.concurrency !== undefined || this.#all !== undefined) return this.#request(request, onGranted);
    onGranted(nothing);
    return nothing;
  }

  #request(request: SlotRequest, onGranted: Granted): () => void {
    const call = callKey(request.runId, request.operationId);
    this.#waiting.add(call);
    const leave = this.#enter(request, (release) => {
      this.#waiting.delete(call);
      if (!this.#closed) onGranted(release);
    });
    return () => {
      this.#waiting.delete(call);
      leave();
    };
  }

  /** Whether a call waits for a slot. */
  waits(runId: string, operationId: string): boolean {
    return this.#waiting.has(callKey(runId, operationId));
  }

  #enter({ action, concurrency, runId }: SlotRequest, granted: Granted): () => void {
    const own = concurrency === undefined ? undefined : this.#gate(action, concurrency);
    const all = this.#all;
    if (own === undefined) return (all as Gate).enter(runId, granted);
    if (all === undefined) return own.enter(runId, granted);
    let leave = nothing;
    const leaveOwn = own.enter(runId, (releaseOwn) => {
      let waits = true;
      const leaveAll = all.enter(runId, (releaseAll) => {
        waits = false;
        granted(() => {
          releaseAll();
          releaseOwn();
        });
      });
      leave = () => {
        if (!waits) return;
        waits = false;
        leaveAll();
        releaseOwn();
      };
    });
    return () => {
      leaveOwn();
      leave();
    };
  }

  #gate(action: string, limit: number): Gate {
    const known = this.#actions.get(action);
    if (known !== undefined) {
      known.limitTo(limit);
      return known;
    }
    const gate = new Gate(limit);
    this.#actions.set(action, gate);
    return gate;
  }
}

function callKey(runId: string, operationId: string): string {
  return `${operationId} ${runId}`;
}

/** So many slots, and who waits for them, by run. */
class Gate {
  #limit: number;
  #taken = 0;
  readonly #waiting = new Map<string, Set<Granted>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The action was replaced by one with another limit: those that wait get new slots first. */
  limitTo(limit: number): void {
    if (limit === this.#limit) return;
    this.#limit = limit;
    this.#next();
  }

  /** Returns what calls it off: nothing happens by that once a slot was granted. */
  enter(runId: string, granted: Granted): () => void {
    if (this.#taken < this.#limit) {
      this.#grant(granted);
      return nothing;
    }
    const queue = this.#waiting.get(runId) ?? new Set();
    this.#waiting.set(runId, queue.add(granted));
    return () => {
      if (queue.delete(granted) && queue.size === 0) this.#waiting.delete(runId);
    };
  }

  #grant(granted: Granted): void {
    this.#taken += 1;
    let held = true;
    granted(() => {
      if (!held) return;
      held = false;
      this.#taken -= 1;
      this.#next();
    });
  }

  #next(): void {
    while (this.#taken < this.#limit) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      const [runId, queue] = first;
      const [granted] = queue as ReadonlySet<Granted>;
      queue.delete(granted as Granted);
      // The next time it is the others' turn.
      this.#waiting.delete(runId);
      if (queue.size > 0) this.#waiting.set(runId, queue);
      inCleanContext(() => this.#grant(granted as Granted));
    }
  }
}
