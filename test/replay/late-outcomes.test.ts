import { action, type DurableFuture, FIRST_COMPLETED, flow, memoryStore, open, sleep, wait } from 'perdure';
import { expect, onTestFinished, test } from 'vitest';
import { slowStore } from '../crash/crashing-store.js';
import { replayOf } from '../crash/replay-of.js';
import { expectWellFormed } from '../crash/well-formed.js';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const act = action('late act', async (name: string) => name);

/** Two operations whose outcomes are committed together. */
const PAIRS: readonly { readonly kind: string; start(): DurableFuture<unknown>[] }[] = [
  { kind: 'actions', start: () => [act.start('a'), act.start('b')] },
  { kind: 'timers', start: () => [sleep.start(0), sleep.start(0)] },
];
const flows = PAIRS.map(({ kind, start }) => ({
  kind,
  of: flow(`late ${kind}`, async () => {
    const futures = start();
    const { notDone } = await wait(futures, FIRST_COMPLETED);
    const [loser] = [...notDone] as [DurableFuture<unknown>];
    const seen: unknown[] = [loser.status, loser.cancel(), loser.status];
    // Long enough for the outcome to come to its turn.
    await act('more');
    await act('and more');
    seen.push(loser.status, loser.cancel(), (await loser.exception())?.name);
    const { done } = await wait(futures, FIRST_COMPLETED);
    return [...seen, done.size];
  }),
}));
const SEEN = ['STARTED', true, 'CANCELLED', 'CANCELLED', false, 'CancelledError', 2];

test.each(flows.flatMap((each) => [0, 3].map((commitMacrotasks) => ({ ...each, commitMacrotasks }))))(
  'of $kind whose outcomes are committed together, one that is cancelled before its turn stays cancelled, live and on replay ($commitMacrotasks)',
  async ({ of, commitMacrotasks }) => {
    const store = memoryStore();
    const engine = await open({ store: slowStore(store, commitMacrotasks), default: false, logger: SILENT });
    onTestFinished(() => engine.close({ timeout: 0 }));
    expect(await engine.start(of, [], { id: 'run' })).toEqual(SEEN);
    const history = await expectWellFormed(store);
    expect(history.journals.get('run')?.filter(({ id, seq }) => seq !== null && Number(id) < 2)).toHaveLength(2);
    expect(JSON.parse((await replayOf(history, 'run')).end)).toEqual(SEEN);
  },
);
