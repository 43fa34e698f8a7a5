import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Monorepo } from './copies.js';

const repo = new Monorepo();

beforeAll(() => repo.build(), 120_000);
afterAll(() => repo.delete());

test('two copies of one version have the same flows, futures, errors and engines', async () => {
  const { lines, stderr } = await repo.run('app/shared.js');
  // A failed attempt is logged.
  expect(stderr.split('\n').filter((line) => line !== '' && !line.includes('it was the last'))).toEqual([]);
  expect(Object.fromEntries(lines as [string, unknown][])).toStrictEqual({
    'the library is loaded twice': true,
    'a flow of each copy': [2, 'mine', 'plugin.child true 4', true, 1],
    'a flow of the other copy': 'plugin.child true 6',
    'a flow of the other copy, by the engine': 'plugin.child true 6',
    'the next generation': 'landed',
    batches: [[2, 4], [6, 8], 2, [12]],
    retries: [true, true, 1],
    'wait() of one copy for the future of the other': 1,
    'its result': 'good',
    'a batch result': true,
    'a name': ['NAME_TAKEN', true, true, false],
    'an error': [true, false],
    'a class that extends one': [false, true],
    startable: true,
    'the testing kit of the other copy': [7],
    'mocks of the other copy': [1, 2],
    'the engine opened last, by the other copy': [false, true],
    'a call after that': 'ENGINE_CLOSED',
  });
});

test('the CommonJS build and the modules have the same flows and engines', async () => {
  expect((await repo.run('app/required.cjs')).lines).toStrictEqual([[true, 42, 'plugin.child true 2', 7]]);
});

test('a copy that is loaded in the midst of a request, or of fake time, has neither', async () => {
  expect((await repo.run('app/request.js')).lines).toStrictEqual([[true, 'no request', 'no request', true]]);
});

test('a copy of another version is refused when it is used, and not when it is loaded', async () => {
  const [[refused, inAction]] = (await repo.run('app/conflict.js', 'both')).lines as [[string[][], string]];
  expect(inAction).toBe('VERSION_CONFLICT');
  expect(
    refused
      .map(([name, error, code]) => [name, error, code])
      .filter(([, error, code]) => `${error} ${code}` !== 'UsageError VERSION_CONFLICT'),
  ).toStrictEqual([]);
  expect(refused.length).toBeGreaterThan(10);
  for (const text of [`perdure ${repo.oldVersion} (${repo.pathOf('old')}`, `perdure ${repo.version} (${repo.pathOf('app')}`]) {
    expect(refused[0]?.[3]).toContain(text);
  }
});

test('a copy of another version works when the others are loaded and not used', async () => {
  expect((await repo.run('app/conflict.js', 'old-alone')).lines).toStrictEqual(['works']);
});

describe.each(['libsql', '@photostructure/sqlite'])('with a %s for each', (driver) => {
  beforeAll(() => {
    for (const name of ['app', 'plugin']) repo.addDriver(name, driver);
  });

  test('engines of two copies leave each other alive', async () => {
    expect((await repo.run('app/twice.js', driver)).lines).toStrictEqual([{ done: 80, fenced: 0 }]);
  });

  test('engines of two threads leave each other alive, and open no side file but their own', async () => {
    expect((await repo.run('app/threads.js', driver)).lines).toStrictEqual([{ done: 80, fenced: 0, sideFiles: 2 }]);
  });
});
