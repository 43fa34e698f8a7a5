import type { Slices } from '../../clock/slices.js';
import { ROOT_SCOPE, scopeOf } from '../../journal/numbering.js';
import type { OperationRecord } from '../../model/records.js';

/** A place in a scope: of an operation, or of a branch. */
export interface Place {
  readonly path: string;
  /** What is recorded of it; `undefined` of a branch that has no outcome. */
  readonly record: OperationRecord | undefined;
}

/** So many places may be empty for each that is not. */
const SPARSE = 4;

interface Numbered {
  readonly ordinal: number;
  readonly place: Place;
}

/** The operations of a run by their scopes, in the order in which its code asked for them. */
export class PathOrder {
  readonly #scopes = new Map<string, Map<number, Place>>([[ROOT_SCOPE, new Map()]]);

  static async of(records: Iterable<OperationRecord>, slices: Slices): Promise<PathOrder> {
    const order = new PathOrder();
    await slices.each(records, (record) => order.#put({ path: record.id, record }));
    return order;
  }

  /** What lies directly in a scope; of a batch, its branches. */
  async in(path: string, slices: Slices): Promise<readonly Place[]> {
    const scope = this.#scopes.get(path);
    if (scope === undefined) return [];
    if (scope.size === 1) return [...scope.values()];
    const places: Numbered[] = [];
    let last = -1;
    let inOrder = true;
    await slices.each(scope, ([ordinal, place]) => {
      inOrder &&= ordinal > last;
      last = Math.max(last, ordinal);
      places.push({ ordinal, place });
    });
    if (!inOrder) await sort(places, last, slices);
    return places.map(({ place }) => place);
  }

  /** Whether anything lies in it. */
  has(path: string): boolean {
    return this.#scopes.has(path);
  }

  /** All that is recorded, an operation before what lies in it. */
  async *all(slices: Slices, path: string = ROOT_SCOPE): AsyncGenerator<OperationRecord> {
    for (const place of await this.in(path, slices)) {
      if (slices.over) await slices.next();
      if (place.record !== undefined) yield place.record;
      if (this.has(place.path)) yield* this.all(slices, place.path);
    }
  }

  #put(place: Place): void {
    const scopePath = scopeOf(place.path);
    let scope = this.#scopes.get(scopePath);
    if (scope === undefined) {
      scope = new Map();
      this.#scopes.set(scopePath, scope);
      this.#put({ path: scopePath, record: undefined });
    }
    const ordinal = Number(place.path.slice(scopePath === ROOT_SCOPE ? 0 : scopePath.length + 1));
    if (place.record !== undefined || !scope.has(ordinal)) scope.set(ordinal, place);
  }
}

/** Numbers without many gaps need no comparing, which could not be done in pieces. */
async function sort(places: Numbered[], last: number, slices: Slices): Promise<void> {
  if (last > places.length * SPARSE) {
    places.sort((a, b) => a.ordinal - b.ordinal);
    return;
  }
  const slots = new Array<Numbered | undefined>(last + 1).fill(undefined);
  await slices.each(places.splice(0), (each) => {
    slots[each.ordinal] = each;
  });
  await slices.each(slots, (each) => each !== undefined && places.push(each));
}
