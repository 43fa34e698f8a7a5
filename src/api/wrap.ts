import { types } from 'node:util';
import { UsageError } from '../errors/errors.js';
import { requireOneVersion } from '../errors/one-version.js';
import { nameIsTakenFrom } from '../errors/short-names.js';
import { refuseMore } from '../options/extra-arguments.js';
import { isText, type OptionTable, readOptions } from '../options/read-options.js';
import { type AnyMethod, decorate, type MethodContext, refuseLegacyDecoration } from './decorate.js';

export type Body = (...args: readonly unknown[]) => unknown;

/** The forms in which `flow` and `action` can be called. */
type WrapArguments =
  | { readonly form: 'function'; readonly name: string; readonly body: Body; readonly options: unknown }
  | { readonly form: 'method'; readonly method: AnyMethod; readonly context: MethodContext; readonly options?: undefined }
  | { readonly form: 'decorator'; readonly options: unknown };

/**
 * What `flow` and `action` do with their arguments, whichever form they are called in: a function is made durable at once, a method when its object is
 * constructed.
 */
export function wrap<Options>(
  caller: 'flow' | 'action',
  given: readonly unknown[],
  methodOptions: OptionTable,
  make: (name: string, body: Body, options: Options | undefined) => unknown,
): unknown {
  requireOneVersion();
  refuseLegacyDecoration(`@${caller}`, given);
  const call = readWrapArguments(caller, given);
  if (call.form === 'function') {
    refuseGenerator(`${caller} "${call.name}"`, call.body);
    return make(call.name, call.body, call.options as Options | undefined);
  }
  const asked = call.options as { readonly instance?: (self: object) => string } | undefined;
  const { instance, ...options } = readOptions(`@${caller}`, asked, methodOptions);
  const decorator = (...decorated: readonly unknown[]): void => {
    refuseLegacyDecoration(`@${caller}`, decorated);
    const [method, context] = decorated as [AnyMethod, MethodContext];
    refuseGenerator(`@${caller} on ${String(context.name)}`, method);
    decorate({ caller: `@${caller}`, method, context, instance, make: (name, body) => make(name, body, options as Options) });
  };
  return call.form === 'method' ? decorator(call.method, call.context) : decorator;
}

/** Its call makes a generator and runs nothing of the body. */
function refuseGenerator(what: string, body: Body): void {
  if (!types.isGeneratorFunction(body)) return;
  throw new UsageError(
    'INVALID_ARGUMENT',
    `${what}: a generator function (function*, async function*) cannot be one, since calling it runs nothing of its body; write an async function that returns what this one yields`,
  );
}

/** Tells the forms apart. @throws {UsageError} `INVALID_ARGUMENT` or `NAME_REQUIRED` when it is none of them. */
function readWrapArguments(caller: 'flow' | 'action', given: readonly unknown[]): WrapArguments {
  const [first, second, third] = given;
  if (typeof first === 'function') {
    if (isMethodContext(second)) return { form: 'method', method: first as AnyMethod, context: second };
    refuseMore(`${caller}(fn, options)`, given);
    if (first.name === '') {
      throw new UsageError('NAME_REQUIRED', `${caller}(fn): the function has no name; write ${caller}('name', fn), or name the function`);
    }
    nameIsTakenFrom(first.name, `${caller} "${first.name}"`);
    return { form: 'function', name: first.name, body: first as Body, options: second };
  }
  if (typeof first === 'string') {
    if (!isText(first))
      throw new UsageError('NAME_REQUIRED', `${caller}(name, fn): the name is empty, or has a character that cannot be stored`);
    if (typeof second !== 'function') {
      throw new UsageError('INVALID_ARGUMENT', `${caller}('${first}', fn): fn must be a function, not ${describe(second)}`);
    }
    refuseMore(`${caller}(name, fn, options)`, given);
    return { form: 'function', name: first, body: second as Body, options: third };
  }
  if (given.length === 1 && typeof first === 'object' && first !== null) return { form: 'decorator', options: first };
  throw new UsageError(
    'INVALID_ARGUMENT',
    `${caller}() takes a function, a name and a function, or decorates a method; it was given ${describe(first)}`,
  );
}

function isMethodContext(value: unknown): value is MethodContext {
  return typeof value === 'object' && value !== null && 'kind' in value && 'addInitializer' in value;
}

function describe(value: unknown): string {
  return value === null ? 'null' : typeof value;
}
