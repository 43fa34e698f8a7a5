import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/store/memory-store.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import type { Store } from '../../src/store/store.js';
import { storeConformance } from '../../src/testing/store-conformance.js';
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
  for (const { area, name, run } of storeConformance) {
    test(`${area}: ${name}`, async () => {
      const world = makeWorld();
      await run(() => world.connect());
      world.expectClean();
    });
  }
});
