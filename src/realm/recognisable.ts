/**
 * Lets `instanceof` know the objects of a class whichever copy of the library made them. Classes that extend it are told apart as usual.
 *
 * @param name - The same in all copies.
 */
export function recognisable(type: abstract new (...args: never[]) => object, name: string): void {
  const mark = Symbol.for(`perdure/${name}`);
  Object.defineProperty(type.prototype, mark, { value: true });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== type) return Function.prototype[Symbol.hasInstance].call(this as typeof type, value);
      return ((typeof value === 'object' && value !== null) || typeof value === 'function') && mark in value;
    },
  });
}
