import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'perdure';
import { expect, onTestFinished, test } from 'vitest';
import { findDriver } from '../../src/store/sqlite/find-driver.js';
import { sqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import { assertWellStored } from '../../src/testing/store-conformance/well-stored.js';
import { collectingLogger } from '../api/with-engine.js';
import { tempDirectory } from '../store/temp-directory.js';
import { approval, executed, gate } from './version-2/flows.js';

const JOURNAL = readFileSync(new URL('version-2/journal.sql', import.meta.url), 'utf8');

test('a file of the release before schema version 3, whose process was killed, goes on where it was', async () => {
  const path = join(tempDirectory(), 'app.db');
  const database = (await findDriver()).connect(path);
  database.exec(JOURNAL);
  database.close();

  gate.open = true;
  const { logger, lines } = collectingLogger();
  const engine = await open({ store: path, default: false, logger, maxResidentRuns: 1 });
  onTestFinished(() => engine.close({ timeout: 0 }));
  expect(await engine.future('order')).toEqual(['pay open', 'ship lamp']);
  expect(await engine.future('approval')).toEqual(['pay open', 'granted']);
  expect(await engine.future('let-go')).toBe('pay open');
  expect(await engine.future('let-go/0')).toBe('ship by itself');
  expect(await engine.future('batch')).toMatchObject([{ result: 'ship open' }, { result: 'ship held' }]);
  expect(await engine.future('parent')).toEqual(['pay open', 'ship of a child']);
  expect(await engine.future('again')).toBe('ship of a generation');
  expect((await engine.get('nap')).status).toBe('SUSPENDED');

  // What had its outcome was not done again, and what was under way has the key under which it was begun.
  expect([...executed].sort()).toEqual([
    ['ship', 'by itself', 'let-go/0'],
    ['ship', 'held', 'batch/0.1.0'],
    ['ship', 'lamp', 'order/1'],
    ['ship', 'of a child', 'parent/0/1'],
    ['ship', 'of a generation', 'again#2/1'],
  ]);
  expect(lines.filter(({ level }) => level === 'error')).toEqual([]);

  // It is a file like others from then on.
  expect(await engine.start(approval, [], { id: 'approval' })).toEqual(['pay open', 'granted']);
  await engine.cancel('nap');
  await expect(engine.future('nap')).rejects.toMatchObject({ code: 'CANCELLED' });
  await engine.close();
  const store = sqliteStore(path);
  await store.open();
  await assertWellStored(store);
  await store.close();
});
