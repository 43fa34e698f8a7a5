import { action, type FlowContext, flow, flowContext, parallel, shield, sleep } from 'perdure';
import { crashEverywhere, createTestEngine } from 'perdure/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { inFlow, unique } from '../api/with-engine.js';

const noop = action(unique('noop'), async () => undefined);

/** What a run that is cancelled after a second saw of that. */
async function seenWhenCancelled(body: (saw: (what: unknown) => void) => Promise<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  const engine = createTestEngine({ autoAdvance: false });
  onTestFinished(() => engine.close({ timeout: 0 }));
  const run = engine.start(
    flow(unique('cancelled'), () => body((what) => seen.push(what))),
    [],
  );
  await engine.advance('1s');
  run.cancel();
  await engine.advance('1d');
  await run.exception();
  return seen;
}

describe('flowContext().cancelRequested', () => {
  test('is false for a run that is not cancelled', async () => {
    expect(await inFlow(async () => [flowContext().cancelRequested, await noop(), flowContext().cancelRequested])).toStrictEqual([
      false,
      undefined,
      false,
    ]);
  });

  test('tells in a shield and after it that the cancellation was delivered, also by a context that was asked for before', async () => {
    const seen = await seenWhenCancelled(async (saw) => {
      const before = flowContext();
      await shield(async () => {
        saw(before.cancelRequested);
        await sleep('1h');
        saw(before.cancelRequested);
      });
      saw(flowContext().cancelRequested);
    });
    expect(seen).toStrictEqual([false, true, true]);
  });

  test('tells it in the branches of a batch in a shield, which goes on', async () => {
    const seen = await seenWhenCancelled((saw) =>
      shield(() =>
        parallel([
          async () => {
            saw(flowContext().cancelRequested);
            await sleep('1h');
            saw(flowContext().cancelRequested);
          },
        ]),
      ),
    );
    expect(seen).toStrictEqual([false, true]);
  });

  test('tells it in a branch that has lost, and not in its flow', async () => {
    const contexts: FlowContext[] = [];
    const seen = await inFlow(async () => {
      await parallel(
        [
          async () => {
            contexts.push(flowContext());
            await sleep('7d');
          },
          () => noop(),
        ],
        { completionConfig: { minSuccessful: 1 } },
      );
      return [contexts[0]?.cancelRequested, flowContext().cancelRequested];
    });
    expect(seen).toStrictEqual([true, false]);
  });

  test('is the same after a crash at any commit', async () => {
    const deciding = flow(unique('deciding'), async () => {
      const seen: boolean[] = [];
      await shield(async () => {
        await noop();
        seen.push(flowContext().cancelRequested);
        await sleep('1h');
        seen.push(flowContext().cancelRequested);
        await noop();
      });
      return [...seen, flowContext().cancelRequested];
    });
    const report = await crashEverywhere(deciding.with({ timeout: '1m' }), [], {
      invariant: ({ result }) => expect(result).toStrictEqual([false, true, true]),
    });
    expect(report.crashes).toBeGreaterThan(0);
  });
});
