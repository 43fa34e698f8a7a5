import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { action, callback, flow, flowContext, memoryStore, now, random, sleep, uuid } from 'perdure';
import { expect, onTestFinished, test } from 'vitest';
import { collectingLogger, deferred, openEngine, unique } from '../api/with-engine.js';
import { testEngine } from '../testing/with-test-engine.js';

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

test('a flow replays while answers that it had lie ahead, though it has asked for all of them at once', async () => {
  const store = memoryStore();
  const tokens: string[] = [];
  const run = flow(unique('run'), async () => {
    const asked = ['Ann', 'Bob', 'Cy'].map((name) => callback({ name }));
    tokens.push(...asked.map(({ token }) => token));
    const replaying: boolean[] = [];
    for (const { future } of asked) {
      const who = await future;
      flowContext().log.info(`${who} has answered`);
      replaying.push(flowContext().replaying);
    }
    return replaying;
  });

  const first = collectingLogger();
  const one = testEngine({ store, logger: first.logger, autoAdvance: false });
  one.start(run, [], { id: 'answers' });
  await one.advance('1m');
  for (const [index, who] of ['Ann', 'Bob'].entries()) {
    await one.complete(tokens[index] as string, who);
    await one.advance('1m');
  }
  await one.close();
  const second = collectingLogger();
  const two = testEngine({ store, logger: second.logger });
  await two.complete(tokens[2] as string, 'Cy');
  expect(await two.future('answers')).toEqual([true, false, false]);

  expect(first.lines.map(({ message }) => message)).toEqual(['Ann has answered', 'Bob has answered']);
  // Nothing is recorded behind the last answer, so whether its line had been logged is not known.
  expect(second.lines.map(({ message }) => message)).toEqual(['Bob has answered', 'Cy has answered']);
});
