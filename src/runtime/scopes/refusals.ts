import type { Future } from '../../futures/future.js';
import type { Scope } from './scope.js';

/** Who is told that a turn resumes code of a scope. */
interface Resuming {
  resumes(scope: Scope): void;
}

/** So many refusals of a scope come at once. */
const AT_ONCE = 100;
/** So many are answered at all. */
const ANSWERED = 10_000;

/** What code of one cancelled scope has asked for in vain. */
interface Refused {
  count: number;
  /** Answers that wait for their turns, the first from `head` on. */
  readonly later: (() => void)[];
  head: number;
  /** How often futures were asked for that had been cancelled. */
  asked: Map<Future<unknown>, number> | undefined;
  givenUp: boolean;
}

/**
 * The refusals of cancelled scopes: code that catches them and goes on asking must neither block the process nor go on for ever.
 *
 * Owns: how often each scope was refused, and which answers wait for a turn. Does not own: what is refused, nor turns.
 *
 *   RF1  The first refusals of a scope come at once. Each later one has a turn of its own, before any outcome is delivered, and only while no shield of the
 *       scope is open: nothing else can resume its code then, so a replay gives the same turns. When nothing at all is pending that could resume the run's
 *       code, an open shield waits for nothing, and holds back nothing.
 *   RF2  After the last that is answered, the code of the scope has come to its end, as far as anybody waits for it, when no shield of it is open.
 *   RF3  To ask for the outcome of a cancelled future is no refusal, unless it is done over and over.
 */
export class Refusals {
  readonly #admission: Resuming;
  readonly #giveUp: (scope: Scope) => void;
  readonly #scopes = new Map<Scope, Refused>();
  #exhausted: Set<Scope> | undefined;

  /** @param giveUp - Called for a scope whose code gets no more answers (RF2). */
  constructor(admission: Resuming, giveUp: (scope: Scope) => void) {
    this.#admission = admission;
    this.#giveUp = giveUp;
  }

  /** Code of the scope is refused. Returns whether at once; if not, `answer` is called in a turn to come, or never. */
  refuse(scope: Scope, answer: () => void): boolean {
    const refused = this.#of(scope);
    refused.count += 1;
    if (refused.count <= AT_ONCE) return true;
    if (refused.count <= ANSWERED) refused.later.push(answer);
    else if (!refused.givenUp) {
      this.#exhausted ??= new Set();
      this.#exhausted.add(scope);
    }
    return false;
  }

  /** Code of the scope asks for a future that was cancelled. Returns whether it is told at once (RF3); if not, as for `refuse`. */
  askedFor(future: Future<unknown>, scope: Scope, answer: () => void): boolean {
    const refused = this.#of(scope);
    refused.asked ??= new Map();
    const times = (refused.asked.get(future) ?? 0) + 1;
    refused.asked.set(future, times);
    return times <= AT_ONCE || this.refuse(scope, answer);
  }

  /** Whether any answer waits for its turn, or for a shield. */
  get waiting(): boolean {
    for (const refused of this.#scopes.values()) if (isWaiting(refused)) return true;
    return false;
  }

  /** Whether an answer can be given in the next turn. */
  get due(): boolean {
    for (const [scope, refused] of this.#scopes) if (scope.shields === 0 && isWaiting(refused)) return true;
    return false;
  }

  /**
   * Gives the next answer. Returns whether there was one.
   *
   * @param stuck - Nothing is pending that could resume the run's code: open shields hold back nothing.
   */
  answer(stuck = false): boolean {
    for (const [scope, refused] of this.#scopes) {
      if (!isWaiting(refused) || (scope.shields > 0 && !stuck)) continue;
      const next = refused.later[refused.head] as () => void;
      refused.head += 1;
      if (refused.head === refused.later.length) {
        refused.later.length = 0;
        refused.head = 0;
      }
      this.#admission.resumes(scope);
      next();
      return true;
    }
    return false;
  }

  /** A turn is over. Returns whether code was given up. */
  turnEnded(): boolean {
    let any = false;
    for (const scope of this.#exhausted ?? []) {
      const refused = this.#of(scope);
      if (scope.shields > 0 || isWaiting(refused)) continue;
      this.#exhausted?.delete(scope);
      refused.givenUp = true;
      this.#giveUp(scope);
      any = true;
    }
    return any;
  }

  #of(scope: Scope): Refused {
    let refused = this.#scopes.get(scope);
    if (refused === undefined) {
      refused = { count: 0, later: [], head: 0, asked: undefined, givenUp: false };
      this.#scopes.set(scope, refused);
    }
    return refused;
  }
}

function isWaiting({ later, head }: Refused): boolean {
  return head < later.length;
}
