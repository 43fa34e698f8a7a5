import { action, CompletionConfig, flow, NonRetryableError, parallel } from 'perdure';

const add = action('add', async (a: number, b: number) => a + b);

const subtract = action('subtract', async (a: number, b: number) => a - b);

const multiply = action('multiply', async (a: number, b: number) => a * b);

export const divide = action('divide', async (a: number, b: number) => {
  // However often it is tried, it fails: no retry strategy may try it again.
  if (b === 0) throw new NonRetryableError(`${a} cannot be divided by 0`);
  return a / b;
});

export const calculate = flow(
  'calculate',
  async (a: number, b: number) =>
    await parallel(
      {
        add: () => add(a, b),
        subtract: () => subtract(a, b),
        multiply: () => multiply(a, b),
        divide: () => divide(a, b),
      },
      { name: 'operations', completionConfig: CompletionConfig.allCompleted() },
    ),
);
