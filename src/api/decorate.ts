import { processTimers } from '../clock/process-timers.js';
import { UsageError } from '../errors/errors.js';
import { HOT_RELOAD_ADVICE, hotReload } from '../errors/hot-reload.js';
import { nameIsTakenFrom } from '../errors/short-names.js';

export type AnyMethod = (this: unknown, ...args: readonly unknown[]) => unknown;

/** What the decorators need of the context the language gives them. */
export type MethodContext = Pick<ClassMethodDecoratorContext, 'kind' | 'name' | 'static' | 'private' | 'addInitializer'>;

interface Decoration {
  readonly caller: '@flow' | '@action';
  readonly method: AnyMethod;
  readonly context: MethodContext;
  readonly instance: ((self: object) => string) | undefined;
  /** Registers the bound method and makes the function that takes its place on the object. */
  readonly make: (name: string, body: AnyMethod) => unknown;
}

/**
 * Says so when a decorator is called as with TypeScript's `experimentalDecorators`: with the prototype or class, the name, and the property's descriptor.
 *
 * @throws {UsageError} `INVALID_ARGUMENT`
 */
export function refuseLegacyDecoration(caller: '@flow' | '@action', [, name, descriptor]: readonly unknown[]): void {
  if (typeof name !== 'string' && typeof name !== 'symbol') return;
  if (typeof descriptor !== 'object' || descriptor === null || !('configurable' in descriptor)) return;
  throw new UsageError(
    'INVALID_ARGUMENT',
    `${caller} on ${String(name)}: it was compiled as a legacy decorator, and perdure's are the standard ones; switch off "experimentalDecorators" in the tsconfig`,
  );
}

/**
 * Binds a decorated method to its object: `Class.method` is the name, and on the object the method is the flow or action itself.
 * On the prototype it stays as written, so that `super.method()` is a plain call.
 */
export function decorate({ caller, method, context, instance, make }: Decoration): void {
  if (context.kind !== 'method' || context.private || typeof context.name === 'symbol') {
    throw new UsageError(
      'INVALID_ARGUMENT',
      `${caller} decorates methods with a name that can be called from outside; this is a ${context.private ? 'private ' : ''}${context.kind}`,
    );
  }
  const methodName = context.name;
  const constructed = new WeakSet<object>();
  context.addInitializer(function (this: unknown) {
    const self = this as object & { readonly constructor: { readonly name: string } };
    if (!context.static && Object.hasOwn(self, methodName)) {
      throw new UsageError(
        'INVALID_ARGUMENT',
        `${caller} on ${methodName}: the object has its own ${methodName} already; a method is a flow or an action, not both, and no field`,
      );
    }
    if (Reflect.get(self, methodName) !== method) {
      // A subclass that has the method overridden decides for itself what it is.
      if (stillInherited(self, methodName, method)) return;
      throw new UsageError(
        'INVALID_ARGUMENT',
        `${caller} on ${methodName}: something else has taken the place of the method (a decorator above ${caller}, or a change of the prototype), and its calls would not be recorded; put ${caller} above all other decorators`,
      );
    }
    const owner = (context.static ? self : self.constructor) as { readonly name: string };
    if (owner.name === '') {
      throw new UsageError(
        'NAME_REQUIRED',
        `${caller} on ${methodName}: the class has no name, and Class.method is the name of the ${caller.slice(1)}`,
      );
    }
    const qualified = `${owner.name}.${methodName}`;
    nameIsTakenFrom(owner.name, `${caller.slice(1)} "${qualified}"`);
    const body: AnyMethod = (...args) => Reflect.apply(method, self, args);
    const put = (value: unknown): void => {
      Object.defineProperty(self, methodName, { value, writable: true, configurable: true, enumerable: false });
    };
    if (instance === undefined) {
      if (constructed.has(owner) && !hotReload()) throw instanceRequired(caller, qualified);
      constructed.add(owner);
      put(make(qualified, body));
      return;
    }
    // The fields that tell objects apart are set after this: the method is bound when it is first used, at the latest when the constructor is through.
    let bound: unknown;
    const bind = (): unknown => {
      bound ??= make(`${qualified}[${instanceKey(instance(self), caller, qualified)}]`, body);
      return bound;
    };
    Object.defineProperty(self, methodName, { get: bind, set: put, configurable: true, enumerable: false });
    processTimers.queueMicrotask(() => {
      try {
        Reflect.get(self, methodName);
      } catch {
        // The same error is thrown where the method is used.
      }
    });
  });
}

/** Whether the method stands on the object's class or on one that the class extends. */
function stillInherited(self: object, name: string, method: AnyMethod): boolean {
  for (let holder: object | null = self; holder !== null; holder = Reflect.getPrototypeOf(holder)) {
    if (Reflect.getOwnPropertyDescriptor(holder, name)?.value === method) return true;
  }
  return false;
}

function instanceKey(key: unknown, caller: string, qualified: string): string {
  if (typeof key === 'string' && key !== '') return key;
  throw new UsageError('INVALID_OPTION', `${caller} on ${qualified}: instance(self) must return a text that is not empty`);
}

function instanceRequired(caller: string, qualified: string): UsageError {
  return new UsageError(
    'INSTANCE_REQUIRED',
    `${qualified} belongs to another object already (one whose constructor failed counts); a class of which there are several needs ${caller}({ instance: (self) => self.id }), so that a restart finds the right one; ${HOT_RELOAD_ADVICE}`,
  );
}
