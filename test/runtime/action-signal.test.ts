import { setTimeout as wait } from 'node:timers/promises';
import { action, actionContext } from 'perdure';
import { expect, onTestFinished, test } from 'vitest';
import { inFlow, unique } from '../api/with-engine.js';

test('the signal of an action takes any number of listeners without a warning', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  onTestFinished(() => void process.off('warning', note));
  const many = action(unique('many'), async () => {
    const { signal } = actionContext();
    await Promise.all(Array.from({ length: 30 }, () => wait(1, undefined, { signal })));
  });
  await inFlow(async () => many());
  // Node emits warnings in a later tick.
  await new Promise((resolve) => setImmediate(resolve));
  expect(warnings).toStrictEqual([]);
});
