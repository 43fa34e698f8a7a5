import { sleep } from 'perdure';
import { crashEverywhere, createTestEngine } from 'perdure/testing';
import { expect, test } from 'vitest';
import { fastestSource, readFrom } from './fastest-source.js';

const sources = [
  { name: 'origin', latencyMs: 2 ** 30 },
  { name: 'mirror', latencyMs: 1 },
];

test('returns the first answer and cancels the slower source', async () => {
  await using engine = createTestEngine();
  const { runId, result, get } = await engine.run(fastestSource, [sources]);
  expect(result).toEqual({ source: 'mirror', answer: 'answer from mirror', cancelled: ['origin'] });
  expect(get('mirror')).toMatchObject({ kind: 'flow', status: 'SUCCEEDED' });

  const loser = engine.future(`${runId}//${get('origin').id}`);
  expect((await loser.exception())?.message).toContain('another source was faster');
  expect(await engine.get(loser.id)).toMatchObject({ flow: 'readFrom', status: 'CANCELLED' });
  engine.assertNoLeaks();
});

test('takes as long as the fastest source', async () => {
  await using engine = createTestEngine();
  engine.mock(readFrom, async ({ name, latencyMs }) => {
    await sleep(latencyMs);
    return { source: name, answer: 'an answer' };
  });
  const startedAt = engine.now();
  const { result } = await engine.run(fastestSource, [
    [
      { name: 'origin', latencyMs: 60_000 },
      { name: 'mirror', latencyMs: 20_000 },
    ],
  ]);
  expect(result.source).toBe('mirror');
  expect(engine.now() - startedAt).toBe(20_000);
});

test('fails when there is no source', async () => {
  await using engine = createTestEngine();
  const { status, error } = await engine.run(fastestSource, [[]]);
  expect(status).toBe('FAILED');
  expect(error?.message).toBe('there is no source to read from');
});

test('the same source has won wherever the process crashes', async () => {
  await crashEverywhere(fastestSource, [sources]);
});
