import { types } from 'node:util';

const TYPED_ARRAYS = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];

/** The constructor of a typed array that can be stored. */
export type TypedArrayConstructor = new (elements: ArrayLike<number> & ArrayLike<bigint>) => object;

const TYPED_ARRAY_BY_NAME = new Map(TYPED_ARRAYS.map((type) => [type.name, type as unknown as TypedArrayConstructor]));

const NAME_BY_PROTOTYPE = new Map<object, string>(
  [Object, Array, Date, Map, Set, RegExp, URL, ...TYPED_ARRAYS].map((type) => [type.prototype as object, type.name]),
);

/** The typed array class of a name. */
export function typedArrayConstructor(name: string): TypedArrayConstructor | undefined {
  return TYPED_ARRAY_BY_NAME.get(name);
}

/** Whether the value is an error, of this realm or of another. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

/**
 * The name of the built-in class an object is a direct instance of, `'Object'` for one without prototype; `undefined` for every other class.
 * Built-in classes of other realms count (`node:vm`, and so the tests of those who use Jest).
 */
export function builtinName(object: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype === null) return 'Object';
  const known = NAME_BY_PROTOTYPE.get(prototype as object);
  if (known !== undefined) return known;
  // A test runner may have put another class in the place of `Date` since.
  return prototype === Date.prototype ? 'Date' : foreignBuiltinName(prototype as object);
}

/** The same for a prototype of another realm. */
export function foreignBuiltinName(prototype: object): string | undefined {
  const type: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  if (typeof type !== 'function' || type.prototype !== prototype) return undefined;
  const { name } = type;
  const source = Function.prototype.toString.call(type);
  return source === `function ${name}() { [native code] }` ? name : undefined;
}

/** Whether the object and its built-in classes are of this realm: superjson tells them by `instanceof`. */
export function isOfThisRealm(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === null || NAME_BY_PROTOTYPE.has(prototype as object);
}

/** What a value is, for a message that refuses it: `a function`, `an instance of class Foo`. */
export function describeKind(value: unknown): string {
  switch (typeof value) {
    case 'object':
      return value === null ? 'null' : describeObject(value);
    case 'function':
      return 'a function';
    case 'undefined':
      return 'undefined';
    default:
      return `a ${typeof value}`;
  }
}

function describeObject(object: object): string {
  try {
    const prototype = Object.getPrototypeOf(object) as { readonly constructor?: unknown } | null;
    const type = prototype?.constructor;
    if (typeof type !== 'function' || type.prototype !== prototype) return 'an object with a prototype of its own';
    const { name } = type;
    if (name === '') return 'an instance of a class without a name';
    const known = (globalThis as Readonly<Record<string, unknown>>)[name] === type;
    if (known) return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`;
    return `an instance of class ${name}`;
  } catch {
    return 'an object that cannot be read';
  }
}
