import { fileURLToPath } from 'node:url';
import { VERSION } from './version.js';

/** A loaded copy of the library. */
export interface Copy {
  readonly version: string;
  /** The file that has this code. */
  readonly path: string;
}

/**
 * What all copies of the library in a realm (a global object) have in common. There may be many: two packages that install it, `import` beside a
 * bundle, a development server that evaluates a program again after each edit.
 *
 *   RE1  Copies of one version share their slots, from the time they are loaded.
 *   RE2  One version is used in a realm: the first that is. Loading another does nothing; using it is refused.
 *   RE3  What lies under the symbol is read by all versions, so its shape stays as it is.
 */
interface Realm {
  readonly slotsByVersion: Map<string, Map<string, unknown>>;
  inUse: Copy | undefined;
}

const KEY = Symbol.for('perdure');

const global = globalThis as { [KEY]?: Realm };
const realm: Realm = global[KEY] ?? { slotsByVersion: new Map(), inUse: undefined };
global[KEY] = realm;
const slots: Map<string, unknown> = realm.slotsByVersion.get(VERSION) ?? new Map<string, unknown>();
realm.slotsByVersion.set(VERSION, slots);

/** This copy. */
export const OWN_COPY: Copy = { version: VERSION, path: pathOf(import.meta.url) };

/** What is there once, however many copies of this version are loaded. */
export function shared<T>(name: string, make: () => T): T {
  if (!slots.has(name)) slots.set(name, make());
  return slots.get(name) as T;
}

/** This copy is used: the one of another version that was used before, with which it cannot share. */
export function otherCopyInUse(): Copy | undefined {
  realm.inUse ??= OWN_COPY;
  return realm.inUse.version === VERSION ? undefined : realm.inUse;
}

/** Some bundlers leave no URL. */
function pathOf(url: string | undefined): string {
  return url?.startsWith('file:') ? fileURLToPath(url) : (url ?? 'a bundle');
}
