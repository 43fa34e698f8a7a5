import { shared } from '../realm/realm.js';

/** As minifiers make them. */
const SHORT = /^[\w$]{1,2}$/;

const { names, listeners } = shared('short names', () => ({ names: new Set<string>(), listeners: new Set<(what: string) => void>() }));

/**
 * Something goes by the name that its function or class has.
 *
 * @param own - The name of the function or class.
 * @param what - It, with the name that it goes by.
 */
export function nameIsTakenFrom(own: string, what: string): void {
  if (!SHORT.test(own) || names.has(what)) return;
  names.add(what);
  for (const listener of listeners) listener(what);
}

/** Tells of each name of one or two letters that was or will be taken from a function or a class, once: `flow "e"`. Returns what ends it. */
export function onShortName(listener: (what: string) => void): () => void {
  for (const what of names) listener(what);
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
