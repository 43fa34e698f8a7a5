import { action, flow } from 'perdure';
import { sequence, type TestEngine } from 'perdure/testing';
import { describe, expectTypeOf, test } from 'vitest';

declare const engine: TestEngine;
const size = action('testing-types-size', async (text: string) => text.length);
const state = action('testing-types-state', async (): Promise<'open' | 'closed'> => 'open');
const measure = flow('testing-types-measure', (text: string) => size.start(text));

describe('mock()', () => {
  test('takes what the action or the flow may come to', () => {
    engine.mock(size, 3);
    engine.mock(size, new Error('busy'));
    engine.mock(size, async (text) => text.length, { latency: (text) => text.length });
    engine.mock(size, sequence(new Error('busy'), 3));
    engine.mock(
      size,
      sequence((text: string) => text.length),
    );
    engine.mock(state, 'closed');
    engine.mock(measure, 3);
    expectTypeOf(engine.mock(measure, async () => 3)).toEqualTypeOf<() => void>();
  });

  test('refuses everything else', () => {
    // @ts-expect-error a text is no number
    engine.mock(size, 'three');
    // @ts-expect-error nor when a function returns it
    engine.mock(size, async () => 'three');
    // @ts-expect-error nor in a sequence
    engine.mock(size, sequence('three'));
    // @ts-expect-error a state there is not
    engine.mock(state, 'ajar');
    // @ts-expect-error an argument of another type
    engine.mock(size, async (text: number) => text);
  });
});

test('the result of a run is what the flow comes to', async () => {
  expectTypeOf((await engine.run(measure, ['abc'])).result).toEqualTypeOf<number>();
  // @ts-expect-error a policy is for engine.start()
  await engine.run(measure, ['abc'], { leaks: 'ignore' });
});
