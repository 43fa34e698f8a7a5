import {
  type CheckReport,
  continueAsNew,
  type DurableFuture,
  type Engine,
  type Flow,
  flow,
  type Mismatch,
  patched,
  type RunStatus,
} from 'perdure';
import { describe, expectTypeOf, test } from 'vitest';

declare const engine: Engine;

describe('continueAsNew()', () => {
  test('takes any arguments and returns what fits every result', () => {
    expectTypeOf(continueAsNew).returns.toEqualTypeOf<never>();
    expectTypeOf(continueAsNew).toBeCallableWith();
    expectTypeOf(continueAsNew).toBeCallableWith(1, 'two', undefined);
  });

  test('leaves the type of its flow to the other ends', () => {
    const counting = flow('types-counting', async (n: number) => (n > 3 ? `${n}` : continueAsNew(n + 1)));
    expectTypeOf(counting).toEqualTypeOf<Flow<[n: number], string>>();
    const forEver = flow('types-for-ever', async (n: number): Promise<void> => continueAsNew(n + 1));
    expectTypeOf(forEver.start(1)).toEqualTypeOf<DurableFuture<void>>();
  });
});

describe('patched()', () => {
  test('takes a text and answers yes or no', () => {
    expectTypeOf(patched('cents')).toEqualTypeOf<boolean>();
    // @ts-expect-error a name is required
    patched();
    // @ts-expect-error a number is no name
    patched(3);
  });
});

describe('engine.check()', () => {
  const checked = flow('types-checked', async (id: string, count: number) => id.length + count);

  test('takes a flow of any arguments and reports', () => {
    expectTypeOf(engine.check(checked)).resolves.toEqualTypeOf<CheckReport>();
    expectTypeOf<CheckReport['mismatches']>().toEqualTypeOf<readonly Mismatch[]>();
    expectTypeOf<Mismatch>().toEqualTypeOf<{
      readonly runId: string;
      readonly version: number;
      readonly status: RunStatus;
      readonly problem: string;
    }>();
  });

  test('takes nothing else', () => {
    // @ts-expect-error a name is no flow
    engine.check('types-checked');
    // @ts-expect-error a flow is required
    engine.check();
  });
});

describe('engine.fork()', () => {
  test('gives a future, of unknown type by itself', () => {
    expectTypeOf(engine.fork('run', '3')).toEqualTypeOf<DurableFuture<unknown>>();
    expectTypeOf(engine.fork<string>('run', '3').result()).resolves.toBeString();
  });

  test('takes ids', () => {
    // @ts-expect-error an operation is required
    engine.fork('run');
    // @ts-expect-error an ordinal is no id
    engine.fork('run', 3);
  });
});
