import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { action, flow, flowContext, now, random, sleep, uuid } from 'perdure';
import { expect, onTestFinished, test } from 'vitest';
import { deferred, openEngine, unique } from '../api/with-engine.js';

/** A file for one test. */
function storeFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'perdure-replay-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'journal.db');
}

test('a flow that goes on in the next engine sees the same values, says that it replays, and does not log what went before', async () => {
  const store = storeFile();
  const [waiting, gate] = [deferred(), deferred<string>()];
  let steps = 0;
  const step = action(unique('step'), async (n: number) => {
    steps += 1;
    return n;
  });
  const gated = action(unique('gated'), async () => {
    waiting.resolve();
    return gate.promise;
  });
  const seen: unknown[][] = [];
  const run = flow(unique('run'), async () => {
    const { log } = flowContext();
    const replaying = flowContext().replaying;
    log.info('begun');
    const values: unknown[] = [now(), random(), uuid()];
    values.push(await step(1), now(), random(), uuid());
    await sleep(1);
    values.push(await step(2), now());
    log.info('before the gate');
    seen.push([replaying, flowContext().replaying, ...values]);
    const last = await gated();
    log.info('after the gate');
    return [last, flowContext().replaying, now() >= (values[0] as number)];
  });

  const first = await openEngine({ store });
  const { id } = first.engine.start(run, [], { id: 'replayed' });
  await waiting.promise;
  await first.engine.close({ timeout: 0 });
  gate.resolve('opened');
  const second = await openEngine({ store });
  expect(await second.engine.future(id)).toStrictEqual(['opened', false, true]);

  expect(seen).toHaveLength(2);
  expect(seen[0]?.slice(2)).toStrictEqual(seen[1]?.slice(2));
  expect([seen[0]?.[0], seen[1]?.[0]]).toStrictEqual([false, true]);
  expect(steps).toBe(2);
  expect(first.lines.map(({ message }) => message)).toStrictEqual(['begun', 'before the gate']);
  // The start of the gate was recorded, so the line before it had been logged.
  expect(second.lines.map(({ message }) => message)).toStrictEqual(['after the gate']);
});
