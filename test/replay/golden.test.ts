import { action, actionContext, asCompleted, FIRST_COMPLETED, flow, memoryStore, open, wait } from 'perdure';
import { expect, onTestFinished, test } from 'vitest';
import { replayOf } from '../crash/replay-of.js';
import { historyOf } from '../crash/well-formed.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const act = action('golden act', async (name: string) => {
  const { signal } = actionContext();
  if (name === 'second') await new Promise((resolve) => signal.addEventListener('abort', resolve));
  return name;
});

/** Marks that come one microtask after another from the delivery on. */
const MARKS = 5;

/** Waits for one outcome in every way there is, and tells in which order they go on. */
const golden = flow('golden', async () => {
  const order: string[] = [];
  const tell = (what: string) => (): void => void order.push(what);
  const first = act.start('first');
  const second = act.start('second');
  let mark: Promise<unknown> = first.result();
  for (let count = 1; count <= MARKS; count += 1) mark = mark.then(tell(`· ${count}`));
  const after = async (waiting: PromiseLike<unknown>, what: string): Promise<void> => {
    await waiting;
    tell(what)();
  };
  const completed = async (): Promise<void> => {
    for await (const future of asCompleted([second, first])) return tell(`asCompleted ${future.id}`)();
  };
  await Promise.all([
    mark,
    first.then(tell('then')),
    after(first, 'await'),
    after(first.result(), 'await result()'),
    after(first.exception(), 'await exception()'),
    after(first.result({ timeout: '1h' }), 'await result() with a time-out'),
    after(wait([first, second], FIRST_COMPLETED), 'await wait'),
    completed(),
    Promise.race([first, second]).then(tell('race')),
    Promise.any([second, first]).then(tell('any')),
    Promise.all([first]).then(tell('all')),
    Promise.allSettled([first]).then(tell('allSettled')),
  ]);
  second.cancel();
  return order;
});

/**
 * How many microtasks lie between a delivery and each kind of waiter is part of the format of journals: if it changed, concurrent closures would go on in
 * another order than the one that was recorded. Do not mend this list; mend what changed it.
 */
const ORDER = [
  '· 1',
  'then',
  'await result()',
  'await exception()',
  'await result() with a time-out',
  '· 2',
  'await',
  'await wait',
  'asCompleted 0',
  '· 3',
  'race',
  'any',
  'all',
  'allSettled',
  '· 4',
  '· 5',
];

test('a delivery reaches each kind of waiter after as many microtasks as ever, live and on replay', async () => {
  const store = memoryStore();
  const engine = await open({ store, default: false, logger: SILENT });
  onTestFinished(() => engine.close({ timeout: 0 }));
  expect(await engine.start(golden, [], { id: 'run' })).toEqual(ORDER);
  const replay = await replayOf(await historyOf(store), 'run');
  expect(JSON.parse(replay.end)).toEqual(ORDER);
});
