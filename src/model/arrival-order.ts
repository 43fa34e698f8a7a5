/**
 * Things in the order in which they came, until they have left. None is looked up to leave: those that have left are swept out when they are half of all.
 * (A `Map` or a `Set` would do, but builds its table again whenever it becomes empty, and here most come and go one by one.)
 */
export class ArrivalOrder<T> {
  readonly #stays: (item: T) => boolean;
  #items: T[] = [];
  #left = 0;

  /** @param stays - Whether an item has not left. */
  constructor(stays: (item: T) => boolean) {
    this.#stays = stays;
  }

  add(item: T): void {
    // An array that is pushed to has room for many.
    if (this.#items.length === 0) this.#items = [item];
    else this.#items.push(item);
  }

  /** One of them does not stay any more. */
  left(): void {
    this.#left += 1;
    if (this.#left * 2 < this.#items.length) return;
    this.#items = this.#items.filter(this.#stays);
    this.#left = 0;
  }

  /** Those that stay; such as come meanwhile may be among them. */
  get present(): readonly T[] {
    return this.#left === 0 ? this.#items : this.#items.filter(this.#stays);
  }
}
