import { hash } from 'node:crypto';
import { LeakLedger } from '../futures/leak-ledger.js';
import { operationId } from '../journal/numbering.js';

/**
 * A numbering and leak-accounting area: the run itself, or (later) one branch of `parallel` and `map`.
 *
 * Owns: the ordinals, the draws and the open futures of the area.
 *
 *   C1  Ordinals and draws are taken synchronously, so the same code takes the same ones on every replay.
 */
export class Scope {
  readonly path: string;
  readonly ledger: LeakLedger = new LeakLedger();
  readonly #seed: string;
  #ordinal = 0;
  #draws = 0;

  constructor(path: string, seed: string) {
    this.path = path;
    this.#seed = seed;
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
}
