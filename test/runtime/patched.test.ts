import { action, continueAsNew, event, flowContext, map, parallel, patched, sleep } from 'perdure';
import { describe, expect, test } from 'vitest';
import { nextEvent, thrownBy, unique } from '../api/with-engine.js';
import { aFlow, testEngine } from '../testing/with-test-engine.js';
import { step } from './senders.js';

describe('a run that no process has executed before', () => {
  test('has every change', async () => {
    const engine = testEngine();
    const body = aFlow(async () => {
      const first = patched('a');
      await step('x');
      return [first, patched('a'), patched('b')];
    });
    expect((await engine.run(body, [])).result).toEqual([true, true, true]);
    await engine.assertReplays();
  });

  test('has it as well while other operations are under way, and in branches and child runs', async () => {
    const engine = testEngine();
    const child = aFlow(async () => patched('in a child'));
    const body = aFlow(async () => {
      const slow = sleep.start('1h');
      await step('x');
      const beside = patched('beside');
      const batch = await parallel([async () => [await step('y'), patched('in a branch')], () => child()]);
      const items = await map([1, 2], async (n) => [await step(`${n}`), patched('in items')]);
      await slow;
      return [beside, batch.getResults(), items.getResults()];
    });
    const { result } = await engine.run(body, []);
    expect(result).toEqual([
      true,
      [['y', true], true],
      [
        ['1', true],
        ['2', true],
      ],
    ]);
    await engine.assertReplays();
  });

  test('has it again in its next generation', async () => {
    const engine = testEngine();
    const body = aFlow(async (seen: boolean[]): Promise<boolean[]> => {
      const next = [...seen, patched('a')];
      await step('x');
      return next.length < 3 ? continueAsNew(next) : next;
    });
    expect((await engine.run(body, [[]])).result).toEqual([true, true, true]);
    await engine.assertReplays();
  });
});

describe('the journal', () => {
  test('has one entry for each change, which takes no ordinal and no place in the order', async () => {
    const engine = testEngine();
    const body = aFlow(async () => {
      patched('a');
      await step('x');
      patched('b');
      patched('a');
      await step('y');
    });
    const report = await engine.run(body, []);
    const [, ...entries] = report.journal;
    expect(entries.map(({ kind, name, seq }) => [kind, name, seq])).toEqual([
      ['action', 'step', 1],
      ['action', 'step', 2],
      ['patch', 'a', null],
      ['patch', 'b', null],
    ]);
    expect(report.operations.map(({ id }) => id)).toEqual(['0', '1']);
  });

  test('keeps changes of any name apart, and from operations', async () => {
    const engine = testEngine();
    const names = ['0', 'cancel', 'message-1', 'patch-a', 'a', 'ä\n', 'constructor', '__proto__'];
    const body = aFlow(async () => {
      const had = names.map((name) => patched(name));
      await step('x');
      return had;
    });
    const { result, journal } = await engine.run(body, []);
    expect(result).toEqual(names.map(() => true));
    expect(journal.filter((entry) => 'kind' in entry && entry.kind === 'patch')).toHaveLength(names.length);
    await engine.assertReplays();
  });
});

test('it is no operation: it neither leaks, nor waits, nor is refused to a run that is cancelled', async () => {
  const engine = testEngine();
  const body = aFlow(async () => {
    try {
      await event('never');
    } finally {
      await Promise.resolve();
      if (patched('late')) told.push(flowContext().runId);
    }
  });
  const told: string[] = [];
  const future = engine.start(body, [], { id: 'r' });
  await nextEvent(engine, 'operation:started');
  await engine.cancel('r');
  expect((await thrownBy(() => future.result())).name).toBe('CancelledError');
  expect(told).toEqual(['r']);
  engine.assertNoLeaks();
});

describe('refused', () => {
  test.each([[''], [' '], [undefined], [null], [3], [{}], [['a']]])('patched(%j) in a flow', async (id) => {
    const engine = testEngine();
    const { status, error } = await engine.run(
      aFlow(async () => patched(id as string)),
      [],
    );
    expect([status, error]).toMatchObject(['FAILED', { name: 'UsageError', code: 'INVALID_ARGUMENT' }]);
  });

  test('outside of a flow', () => {
    expect(() => patched('a')).toThrowError(expect.objectContaining({ name: 'UsageError', code: 'NOT_IN_FLOW' }));
  });

  test('in an action', async () => {
    const engine = testEngine();
    const bad = action(unique('bad'), async () => patched('a'));
    const { error } = await engine.run(
      aFlow(async () => bad()),
      [],
    );
    expect(error).toMatchObject({ name: 'UsageError', code: 'OPERATION_IN_ACTION' });
    expect(error?.message).toContain('patched("a")');
  });
});
