interface Place<T> {
  readonly key: number;
  readonly item: T;
}

/** With fewer places than that it is not worth while to clear away those that were left. */
const FEW = 64;

/**
 * Items in the order of their keys, the lowest first. Joining, leaving and the look at the first take no longer for many than for few.
 *
 * Owns: a heap of places. A place is left behind when its item leaves, and dropped when it comes to the front or when most are such.
 */
export class Line<T> {
  #places: Place<T>[] = [];
  readonly #keys = new Map<T, number>();

  get size(): number {
    return this.#keys.size;
  }

  /** The item with the lowest key. */
  get first(): T | undefined {
    for (let front = this.#places[0]; front !== undefined; front = this.#places[0]) {
      if (this.#keys.get(front.item) === front.key) return front.item;
      this.#dropFirst();
    }
    return undefined;
  }

  /** The lowest key. */
  get firstKey(): number | undefined {
    const { first } = this;
    return first === undefined ? undefined : this.#keys.get(first);
  }

  join(item: T, key: number): void {
    this.#keys.set(item, key);
    this.#places.push({ item, key });
    this.#rise(this.#places.length - 1);
  }

  leave(item: T): void {
    this.#keys.delete(item);
    if (this.#places.length <= FEW + 2 * this.#keys.size) return;
    this.#places = Array.from(this.#keys, ([left, key]) => ({ item: left, key })).sort((a, b) => a.key - b.key);
  }

  #dropFirst(): void {
    const last = this.#places.pop() as Place<T>;
    if (this.#places.length === 0) return;
    this.#places[0] = last;
    this.#sink();
  }

  #rise(from: number): void {
    const places = this.#places;
    const place = places[from] as Place<T>;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = places[above] as Place<T>;
      if (parent.key <= place.key) break;
      places[at] = parent;
      at = above;
    }
    places[at] = place;
  }

  #sink(): void {
    const places = this.#places;
    const place = places[0] as Place<T>;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const below = right < places.length && (places[right] as Place<T>).key < (places[left] as Place<T>).key ? right : left;
      const child = places[below];
      if (child === undefined || child.key >= place.key) break;
      places[at] = child;
      at = below;
    }
    places[at] = place;
  }
}
