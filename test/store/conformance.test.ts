import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/store/memory-store.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { Store } from '../../src/store/store.js';
import { CONFORMANCE, expectWellFormed } from './conformance.js';
import { tempDirectory } from './temp-directory.js';

/** One set of data: each call of `connect` is another process's view of it. */
interface World {
  connect(): Store;
  /** Checks what is left when everything is closed. */
  expectClean(): void;
}

const WORLDS: Readonly<Record<string, () => World>> = {
  memory: () => {
    const store = memoryStore();
    return { connect: () => store, expectClean: () => undefined };
  },
  'a SQLite file': () => {
    const directory = tempDirectory();
    return {
      connect: () => sqliteStore(join(directory, 'app.db')),
      // Some drivers give a connection up only when its statements are collected: then an empty log is what a clean end leaves.
      expectClean: () => expect(statSync(join(directory, 'app.db-wal'), { throwIfNoEntry: false })?.size ?? 0).toBe(0),
    };
  },
};

describe.each(Object.entries(WORLDS))('%s', (_, makeWorld) => {
  test.each(CONFORMANCE.map((one) => [one.area, one.name, one] as const))('%s: %s', async (_area, _name, { run }) => {
    const world = makeWorld();
    const opened: Store[] = [];
    const connect = async (): Promise<Store> => {
      const store = world.connect();
      await store.open();
      opened.push(store);
      return store;
    };
    await run(connect);
    await expectWellFormed(await connect());
    for (const store of opened) await store.close();
    world.expectClean();
  });
});
