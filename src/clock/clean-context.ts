import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { shared } from '../realm/realm.js';

/** The async context in which the library was first loaded: a second copy may be loaded in the midst of a request. */
const loaded = shared('clean context', () => new AsyncResource('perdure', { requireManualDestroy: true }));

/**
 * Whether what code sets with `enterWith` stays with the resource it ran in, and would be seen by the next that runs there: so it is where Node keeps
 * the stores as properties of resources, which is the default before Node 24.
 */
const staysEntered = ((): boolean => {
  const probe = new AsyncLocalStorage<true>();
  loaded.runInAsyncScope(() => probe.enterWith(true));
  const stays = loaded.runInAsyncScope(() => probe.getStore()) === true;
  probe.disable();
  return stays;
})();

/**
 * Calls a function of the user's, or what leads to one, in a clean async context: that of the time when the library was loaded, not that of the caller, and
 * whatever other functions have set in theirs.
 */
export function inCleanContext<A extends unknown[], T>(call: (...args: A) => T, ...args: A): T {
  // A new resource with the same stores. To make one with `new` takes several times as long.
  const resource = staysEntered ? (Object.create(loaded) as AsyncResource) : loaded;
  return resource.runInAsyncScope(call, undefined, ...args);
}
