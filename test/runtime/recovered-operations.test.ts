import { action, flow, memoryStore, sleep } from 'perdure';
import { expect, test } from 'vitest';
import { nextEvent, openEngine, unique } from '../api/with-engine.js';

test('an operation that is announced again after a restart says so, and a new one does not', async () => {
  const store = memoryStore();
  const step = action(unique('step'), async () => 'done');
  const body = flow(unique('body'), async () => {
    await sleep(200);
    return step();
  });
  const first = await openEngine({ store });
  const started = nextEvent(first.engine, 'operation:started');
  await first.engine.start(body, [], { id: 'run' }).recorded();
  expect(await started).not.toHaveProperty('recovered');
  await first.engine.close({ timeout: 0 });

  const second = await openEngine({ store });
  const seen: unknown[] = [];
  second.engine.on('operation:started', ({ kind, recovered }) => seen.push([kind, recovered]));
  expect(await second.engine.future('run').result()).toBe('done');
  expect(seen.filter((each) => (each as unknown[])[0] === 'timer').every((each) => (each as unknown[])[1] === true)).toBe(true);
  expect(seen.at(-1)).toStrictEqual(['action', undefined]);
});
