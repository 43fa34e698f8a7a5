import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { action, type DurableFuture, type Engine, type EngineOptions, flow, memoryStore, open, StorageError, startable } from 'perdure';
import type { Store } from 'perdure/store';
import { describe, expect, onTestFinished, test } from 'vitest';
import { withCommit } from '../../src/testing/wrapped-store.js';
import { collectingLogger, deferred, settle, thrownBy, unique } from '../api/with-engine.js';
import { tempDirectory } from '../store/temp-directory.js';
import { testEngine } from '../testing/with-test-engine.js';
import { implicitEngine } from './implicit-engine.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const echo = flow(unique('echo'), async (value: string) => value);

class Shop {
  @flow
  async sell(value: string): Promise<string> {
    return value;
  }
}
const shop = new Shop();

/** Every way to start a flow from outside; each gives an outcome. */
const WAYS: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
  'a call': () => echo('called'),
  'a call with an id': (id) => echo.with({ id })('called'),
  'start() and recorded()': (id) => echo.with({ id }).start('started').recorded(),
  'start() and result()': () => echo.start('started').result(),
  'start() and exception()': async () => Promise.reject((await echo.start('started').exception()) ?? new Error('it went through')),
  'the call of a method': () => shop.sell('called'),
  'start() of a method': () => startable(shop.sell).start('started').recorded(),
};

function opens(options: EngineOptions = {}): Promise<Engine> {
  const engine = open({ store: ':memory:', logger: SILENT, ...options });
  onTestFinished(() =>
    engine.then(
      (it) => it.close({ timeout: 0 }),
      () => {},
    ),
  );
  return engine;
}

/** Where a call goes: the first of the engines that knows its run. */
async function taker(...engines: Engine[]): Promise<number> {
  const id = unique('run');
  await echo.with({ id }).start('value').recorded();
  const known = await Promise.all(engines.map((engine) => engine.get(id).then(Boolean, () => false)));
  return known.indexOf(true);
}

/** A store that refuses every commit once `broken` is set. */
function breakable(): { readonly store: Store; break(): void } {
  let broken = false;
  const store = withCommit(memoryStore(), async (batch, commit) => {
    // Of this kind none is tried again for some seconds.
    if (broken) throw new StorageError('STORE_REPLACED', 'another file is there');
    return commit(batch);
  });
  return {
    store,
    break: () => {
      broken = true;
    },
  };
}

async function codeOf(call: () => unknown): Promise<string | undefined> {
  return (await thrownBy(call)).code;
}

describe('the engine that takes the calls', () => {
  test('is the last one that was opened, without default: false', async () => {
    const first = await opens();
    const second = await opens();
    const aside = await opens({ default: false });
    expect(await taker(first, second, aside)).toBe(1);
  });

  test('has them from the call of open() on: they wait until it is open', async () => {
    const path = join(tempDirectory(), 'app.db');
    const opening = opens({ store: path });
    const future = echo.with({ id: 'early' }).start('value');
    await future.recorded();
    expect(await future).toBe('value');
    expect(await (await opening).get('early')).toMatchObject({ status: 'SUCCEEDED' });
  });

  test('is the second when it is opened while the first is closing', async () => {
    const first = await opens();
    const closing = first.close();
    const second = await opens();
    await closing;
    expect(await taker(second)).toBe(0);
  });

  test('is the newer when the older closes', async () => {
    const older = await opens();
    const newer = await opens();
    await older.close();
    expect(await taker(newer)).toBe(0);
  });

  test('is opened after one with default: false', async () => {
    const aside = await opens({ default: false });
    const taking = await opens();
    expect(await taker(aside, taking)).toBe(1);
  });

  test('is never a client, unless that is asked for, and then it refuses them', async () => {
    const engine = await opens();
    const client = await opens({ execute: false });
    expect(await taker(engine)).toBe(0);
    await client.close();
    expect(await taker(engine)).toBe(0);
    await opens({ execute: false, default: true });
    expect(await codeOf(() => echo('value'))).toBe('INVALID_OPTION');
  });

  test('is one of the testing kit with default: true while that is open', async () => {
    const engine = await opens();
    const kit = testEngine({ default: true });
    expect(await taker(engine, kit)).toBe(1);
    await kit.close();
    expect(await taker(engine)).toBe(0);
    testEngine();
    expect(await taker(engine)).toBe(0);
  });
});

describe.each(Object.entries(WAYS))('%s is refused', (_, start) => {
  test('while the engine is closing and after that, beside one that was opened before', async () => {
    await opens();
    const path = join(tempDirectory(), 'app.db');
    const engine = await opens({ store: path });
    const gate = deferred<void>();
    const held = action(unique('held'), () => gate.promise);
    const begun = deferred<void>();
    engine.on('operation:started', () => begun.resolve());
    engine.start(
      flow(unique('holds'), async () => held()),
      [],
    );
    await begun.promise;
    const closing = engine.close();
    const during = await codeOf(() => start('lost'));
    gate.resolve();
    await closing;
    expect([during, await codeOf(() => start('lost'))]).toStrictEqual(['ENGINE_CLOSED', 'ENGINE_CLOSED']);
    const again = await opens({ store: path, default: false });
    expect(await codeOf(() => again.get('lost'))).toBe('RUN_NOT_FOUND');
  });

  test('with the error of the store when it has failed, also once the engine is closed, until another is opened', async () => {
    const failing = breakable();
    const engine = await opens({ store: failing.store });
    failing.break();
    const failed = deferred<void>();
    engine.on('engine:failed', () => failed.resolve());
    const error = await thrownBy(() => echo('value'));
    await failed.promise;
    expect(error).toMatchObject({ code: 'STORE_REPLACED', message: 'another file is there' });
    expect(await thrownBy(() => start('again'))).toBe(error);
    await engine.close();
    expect(await thrownBy(() => start('again'))).toBe(error);
    const next = await opens();
    expect(await taker(next)).toBe(0);
  });

  test('when open() has failed, and before that', async () => {
    await opens();
    const path = join(tempDirectory(), 'missing', 'app.db');
    const opening = opens({ store: path });
    const during = codeOf(() => start('early'));
    expect(await codeOf(() => opening)).toBe('STORE_DIRECTORY_MISSING');
    expect([await during, await codeOf(() => start('late'))]).toStrictEqual(['STORE_DIRECTORY_MISSING', 'STORE_DIRECTORY_MISSING']);
    expect(await taker(await opens())).toBe(0);
  });

  test('when open() was given options that are none', async () => {
    await opens();
    expect(await codeOf(() => opens({ stor: 'app.db' } as EngineOptions))).toBe('INVALID_OPTION');
    expect(await codeOf(() => start('late'))).toBe('INVALID_OPTION');
  });
});

test('an open() with default: false or execute: false that fails takes the calls from nobody', async () => {
  const engine = await opens();
  const path = join(tempDirectory(), 'missing', 'app.db');
  expect(await codeOf(() => opens({ store: path, default: false }))).toBe('STORE_DIRECTORY_MISSING');
  expect(await codeOf(() => opens({ store: path, execute: false }))).toBe('STORE_NOT_FOUND');
  expect(await codeOf(() => opens({ default: false, leaseMs: -1 }))).toBe('INVALID_OPTION');
  expect(await taker(engine)).toBe(0);
});

test('a start that is refused is logged where nobody asks for its outcome', async () => {
  const { logger, lines } = collectingLogger();
  const engine = await opens({ logger });
  await engine.close();
  echo.start('unheard');
  for (const start of Object.values(WAYS)) await thrownBy(() => start('heard'));
  await settle();
  expect(lines).toStrictEqual([
    {
      level: 'warn',
      message: `flow "${echo.name}" was not started, and nobody waits for it: the engine is closed; open() another`,
      fields: { flow: echo.name },
    },
  ]);
});

test('a refused future has the id and the name of its call, and is done', async () => {
  const engine = await opens();
  await engine.close();
  const future: DurableFuture<string> = echo.with({ id: 'order-17', name: 'order' }).start('value');
  expect([future.id, future.name, future.kind, future.status, future.done(), future.cancel()]).toStrictEqual([
    'order-17',
    'order',
    'flow',
    'FAILED',
    true,
    false,
  ]);
});

describe('a program that opens no engine', () => {
  test('has one opened at .perdure/journal.db, is told so, and ends by itself', async () => {
    const { code, lines, directory, log } = await implicitEngine(['call']);
    expect({ code, lines }).toStrictEqual({ code: 0, lines: ['hello'] });
    const file = join(directory, '.perdure', 'journal.db');
    expect(log).toMatchObject([{ level: 'info', message: expect.stringContaining(file), store: file }]);
    const engine = await opens({ store: file, default: false });
    expect(await engine.list()).toMatchObject([{ flow: 'greet', status: 'SUCCEEDED' }]);
  });

  test('has it at $PERDURE_STORE', async () => {
    const { code, lines, log, directory } = await implicitEngine(['call'], ':memory:');
    expect({ code, lines }).toStrictEqual({ code: 0, lines: ['hello'] });
    expect(log).toMatchObject([{ level: 'info', store: 'memory' }]);
    expect(existsSync(join(directory, '.perdure'))).toBe(false);
  });

  test('has it whatever engines of the testing kit there were', async () => {
    expect((await implicitEngine(['kit', 'call'])).lines).toStrictEqual(['hello']);
  });

  test('has its calls refused when that one fails to open, and is told', async () => {
    const { code, lines, log } = await implicitEngine(['call', 'call'], 'missing/app.db');
    expect({ code, lines }).toStrictEqual({ code: 0, lines: ['STORE_DIRECTORY_MISSING', 'STORE_DIRECTORY_MISSING'] });
    expect(log).toMatchObject([{ level: 'info' }, { level: 'error', message: expect.stringContaining('failed to open') }]);
  });

  test.each([
    ['it was closed, as the program had nothing more to do', ['call', 'call-at-exit'], '', ['hello', 'ENGINE_CLOSED']],
    ['$PERDURE_STORE is no path', ['call'], 'postgres://host/db', ['INVALID_OPTION']],
    ['its directory cannot be made', ['file-in-the-way', 'call'], '', ['STORE_DIRECTORY_MISSING']],
  ])('has its calls refused when %s', async (_, steps, store, expected) => {
    expect((await implicitEngine(steps, store)).lines).toStrictEqual(expected);
  });

  test('is told, and not ended, when that one fails to close', async () => {
    const { code, log } = await implicitEngine(['call', 'fail-to-close']);
    expect(code).toBe(0);
    expect(log).toMatchObject([{ level: 'info' }, { level: 'error', message: expect.stringMatching(/failed to close: no way/) }]);
  });
});

describe('a program that has called open() has no engine opened for it', () => {
  test.each([
    ['with default: false', 'open-aside', 'NO_CURRENT_ENGINE'],
    ['with execute: false', 'open-client', 'NO_CURRENT_ENGINE'],
    ['which failed', 'open-missing', 'STORE_DIRECTORY_MISSING'],
  ])('%s', async (_, how, expected) => {
    const { code, lines, directory, log } = await implicitEngine([how, 'call', 'start']);
    expect({ code, lines, log }).toStrictEqual({ code: 0, lines: [expected, expected], log: [] });
    expect(existsSync(join(directory, '.perdure'))).toBe(false);
  });

  test('and one that was opened for it before goes on with default: false', async () => {
    expect((await implicitEngine(['call', 'open-aside', 'call'])).lines).toStrictEqual(['hello', 'hello']);
    expect((await implicitEngine(['call', 'open-and-close', 'call'])).lines).toStrictEqual(['hello', 'ENGINE_CLOSED']);
  });
});
