import { action, actionContext, type Engine, flow, memoryStore, open, parallel, shield } from 'perdure';
import type { Store } from 'perdure/store';
import { expect, onTestFinished, test } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import { unique } from '../api/with-engine.js';
import { atRest, nextEvent } from '../replay/generations.js';
import { expectWellFormed } from './well-formed.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const quick = action('quick at the end', async () => 'quick');
const hang = action('hang at the end', async () => {
  const { signal } = actionContext();
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
});
const hanging = flow('hanging at the end', async () => {
  await hang();
});

async function openOn(store: Store): Promise<Engine> {
  const engine = await open({ store, default: false, logger: SILENT, leaks: 'ignore' });
  onTestFinished(() => engine.close({ timeout: 0 }));
  return engine;
}

test('a child run in a branch of a detached batch is cancelled when the run ends', async () => {
  const store = memoryStore();
  const engine = await openOn(store);
  const of = flow(unique('detaches'), async () => {
    parallel.start([() => hanging()]).detach();
    return [await quick(), await quick()];
  });
  expect(await engine.start(of, [], { id: 'run' })).toEqual(['quick', 'quick']);
  await atRest(engine);
  expect(await engine.get('run//0.0.0')).toMatchObject({ status: 'CANCELLED' });
  await expectWellFormed(store);
});

test('an action in a branch of a detached batch is not begun when its run is ending (C2)', async () => {
  const engine = await openOn(memoryStore());
  const begun: string[] = [];
  const late = action(unique('late'), async () => void begun.push('late'));
  const of = flow(unique('detaches'), async () => {
    parallel.start([() => late()]).detach();
    return 'at once';
  });
  expect(await engine.start(of, [], { id: 'run' })).toBe('at once');
  await atRest(engine);
  expect(begun).toEqual([]);
});

test('an action that a cancelled branch starts in the last turn of its run is not begun', async () => {
  const engine = await openOn(memoryStore());
  const begun: string[] = [];
  const late = action(unique('late'), async () => void begun.push('late'));
  const of = flow(unique('cancels'), async () => {
    const loser = async (): Promise<void> => {
      await shield(() => quick());
      // Nobody awaits it, and the run waits for nothing but the shield.
      await shield(async () => void late.start());
    };
    const result = await parallel([loser, () => 'at once'], { completionConfig: { minSuccessful: 1 } });
    return result.completionReason;
  });
  expect(await engine.start(of, [], { id: 'run' })).toBe('MIN_SUCCESSFUL_REACHED');
  await atRest(engine);
  expect(begun).toEqual([]);
});

test('a batch that is cancelled in the turn of its start is recorded when shielded work in it is', async () => {
  const store = memoryStore();
  const engine = await openOn(store);
  const of = flow(unique('cancels'), async () => {
    const batch = parallel.start([() => shield(() => quick())]);
    batch.cancel();
    return [await quick(), await quick()];
  });
  expect(await engine.start(of, [], { id: 'run' })).toEqual(['quick', 'quick']);
  await expectWellFormed(store);
});

/** Ways in which a branch is still running when its run ends. */
const WAYS = [
  { way: 'that was left to go on', leave: true },
  { way: 'of a batch that nobody awaits', leave: false },
] as const;

test.each(WAYS)('an action that was detached in a branch $way goes on as a run of its own when the run ends', async ({ leave }) => {
  const store = memoryStore();
  const engine = await openOn(store);
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const detached = action(unique('detached'), async () => {
    await gate;
    return 'done';
  });
  const branches = [
    () => quick(),
    async () => {
      detached.start().detach();
      await hang();
    },
  ];
  const of = flow(unique('ends'), async () => {
    if (leave) await parallel(branches, { unfinished: 'leave', completionConfig: { minSuccessful: 1 } });
    else parallel.start(branches, { completionConfig: { toleratedFailureCount: 2 } });
    return [await quick(), await quick()];
  });
  expect(await engine.start(of, [], { id: 'run' })).toEqual(['quick', 'quick']);
  expect((await journalOf(store, 'run')).find(({ name }) => name === detached.name)?.childRunId).toBe('run//0.1.0');
  release();
  expect(await engine.future('run//0.1.0')).toBe('done');
  await expectWellFormed(store);
});

test.each([
  { what: 'a child run', start: () => hanging.start() },
  { what: 'an action', start: () => hang.start() },
])('a run that waits for nothing is told of as stuck though $what goes on that was detached in an ended branch', async ({ start }) => {
  const engine = await openOn(memoryStore());
  const of = flow(unique('stuck'), async () => {
    await parallel([async () => start().detach()]);
    await quick();
    await new Promise(() => {});
  });
  const stuck = nextEvent(engine, 'run:stuck');
  engine.start(of, [], { id: 'run' });
  expect(await Promise.race([stuck, atRest(engine)])).toMatchObject({ runId: 'run' });
});

test('a child run that was detached in a branch is not followed once that has ended', async () => {
  const store = memoryStore();
  const engine = await openOn(store);
  const child = flow(unique('child'), async () => quick());
  const of = flow(unique('detaches'), async () => {
    await parallel([async () => child.start().detach()]);
    return [await quick(), await quick(), await quick()];
  });
  await engine.start(of, [], { id: 'run' });
  await engine.future('run//0.0.0');
  await atRest(engine);
  await expectWellFormed(store);
});
