/**
 * Classes of perdure's own whose instances can be stored. They are registered by the rooms that have them; what a program can register are classes
 * of errors.
 */
export interface OwnClass<T extends object> {
  readonly name: string;
  readonly prototype: T;
  /** What an instance is made of: plain data and anything else that can be stored. */
  takeApart(instance: T): object;
  /** Gives an empty instance its parts; what these hold in their turn may not be complete yet. */
  fill(instance: T, parts: object): void;
}

const byPrototype = new Map<object, OwnClass<object>>();
const byName = new Map<string, OwnClass<object>>();

export function registerOwnClass<T extends object>(own: OwnClass<T>): void {
  byPrototype.set(own.prototype, own as unknown as OwnClass<object>);
  byName.set(own.name, own as unknown as OwnClass<object>);
}

/** The own class that an object is a direct instance of. */
export function ownClassOf(object: object): OwnClass<object> | undefined {
  return byPrototype.get(Object.getPrototypeOf(object) as object);
}

/** @throws {TypeError} when there is none of this name. */
export function ownClassNamed(name: string): OwnClass<object> {
  const own = byName.get(name);
  if (own === undefined) throw new TypeError(`an encoded value has an instance of an unknown class: ${name}`);
  return own;
}
