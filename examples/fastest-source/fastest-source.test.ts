import { type EngineEvents, open } from 'perdure';
import { expect, test } from 'vitest';
import { fastestSource } from './fastest-source.js';

test('returns the first answer and cancels the slower source', async () => {
  await using engine = await open({ store: ':memory:' });
  const loserEnded = new Promise<EngineEvents['run:finished']>((resolve) => {
    engine.on('run:finished', (run) => run.status === 'CANCELLED' && resolve(run));
  });

  const sources = [
    { name: 'origin', latencyMs: 2 ** 30 },
    { name: 'mirror', latencyMs: 1 },
  ];
  expect(await fastestSource(sources)).toEqual({ source: 'mirror', answer: 'answer from mirror', cancelled: ['origin'] });

  const { flow, error } = await loserEnded;
  expect(flow).toBe('readFrom');
  expect(error?.message).toContain('another source was faster');
});

test('fails when there is no source', async () => {
  await using _engine = await open({ store: ':memory:' });
  await expect(fastestSource([])).rejects.toThrow('there is no source to read from');
});
