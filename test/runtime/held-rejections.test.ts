import { describe, expect, test } from 'vitest';
import { holdRejections } from '../../src/runtime/scopes/held-rejections.js';
import { runChild } from '../api/run-child.js';

describe("a flow's rejection (HR1)", () => {
  test('is not told to the listeners of the program, handled late or never', async () => {
    const { code, stdout, stderr } = await runChild('held-beside-listeners.ts');
    expect([code, stderr]).toStrictEqual([0, '']);
    expect(JSON.parse(stdout)).toStrictEqual(["unhandled: the program's", "leak: the flow's"]);
  });
});

describe('any other rejection (HR2)', () => {
  test('is told as without an engine, whatever rejects in the same turn', async () => {
    const [without, beside] = await Promise.all([
      runChild('rejections-of-one-turn.ts', { args: ['without'] }),
      runChild('rejections-of-one-turn.ts'),
    ]);
    const expected = [
      ['unhandledRejection', 'first'],
      ['unhandledRejection', 'ERR_UNHANDLED_REJECTION'],
      ['unhandledRejection', 'ERR_UNHANDLED_REJECTION'],
      ['unhandledRejection', 'last'],
    ];
    expect(JSON.parse(without.stdout)).toStrictEqual({ told: expected, leaked: [] });
    expect(JSON.parse(beside.stdout)).toStrictEqual({ told: expected, leaked: ['early', 'late'] });
  });

  test('is handled by a listener that is there for one time', async () => {
    const { code, stdout } = await runChild('handled-once.ts');
    expect([code, stdout]).toStrictEqual([0, "handled: the program's"]);
  });
});

describe('holding rejections', () => {
  const emitOfNow = (): PropertyDescriptor | undefined => Object.getOwnPropertyDescriptor(process, 'emit');

  test('adds no listener, and leaves nothing behind once the last holder has gone', () => {
    const before = emitOfNow();
    const counts = ['unhandledRejection', 'rejectionHandled'].map((event) => process.listenerCount(event));
    const releases = [holdRejections(), holdRejections()];
    expect(emitOfNow()).not.toStrictEqual(before);
    expect(['unhandledRejection', 'rejectionHandled'].map((event) => process.listenerCount(event))).toStrictEqual(counts);
    releases[0]?.();
    expect(emitOfNow()).not.toStrictEqual(before);
    releases[1]?.();
    expect(emitOfNow()).toStrictEqual(before);
  });

  test('leaves those alone who have put themselves before it since', () => {
    const before = emitOfNow();
    const release = holdRejections();
    const within = process.emit.bind(process) as (event: string, ...args: unknown[]) => boolean;
    const wrapper = (event: string, ...args: unknown[]): boolean => within(event, ...args);
    Object.defineProperty(process, 'emit', { value: wrapper, writable: true, configurable: true });
    try {
      release();
      expect(process.emit).toBe(wrapper);
      const told: unknown[] = [];
      process.once('held-rejections.test', (what: unknown) => told.push(what));
      expect(process.emit('held-rejections.test' as never, 'passed on' as never)).toBe(true);
      expect(told).toStrictEqual(['passed on']);
    } finally {
      if (before === undefined) Reflect.deleteProperty(process, 'emit');
      else Object.defineProperty(process, 'emit', before);
    }
  });
});
