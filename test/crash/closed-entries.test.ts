import { action, actionContext, FIRST_COMPLETED, flow, type Logger, memoryStore, open, wait } from 'perdure';
import { expect, onTestFinished, test } from 'vitest';
import { journalOf } from '../../src/store/journal-of.js';
import { crashingStore } from './crashing-store.js';

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const quick = action('quick entry', async () => 1);
const hang = action('hanging entry', async () => {
  const { signal } = actionContext();
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
});
const race = flow('race of entries', async () => {
  const { done, notDone } = await wait([quick.start(), hang.start()], FIRST_COMPLETED);
  for (const future of notDone) future.cancel();
  return done.size;
});
const leak = flow('leak of entries', async () => {
  hang.start();
  return quick();
});

test.each([
  { does: 'cancels', of: race },
  { does: 'leaks', of: leak },
])('an operation that a recovered run $does is recorded as cancelled, as in a run that was not interrupted', async ({ of }) => {
  const statuses: (string | undefined)[] = [];
  for (const commit of [Number.POSITIVE_INFINITY, 3]) {
    const store = memoryStore();
    const first = await open({ store: crashingStore(store, { number: commit, when: 'before' }), default: false, logger: SILENT });
    onTestFinished(() => first.close({ timeout: 0 }));
    await first
      .start<[], number>(of, [], { id: 'run', leaks: 'ignore' })
      .result()
      .catch(() => undefined);
    await first.close({ timeout: 0 });
    const last = await open({ store, default: false, logger: SILENT });
    onTestFinished(() => last.close({ timeout: 0 }));
    expect(await last.future('run')).toBe(1);
    statuses.push((await journalOf(store, 'run')).find(({ name }) => name === 'hanging entry')?.status);
  }
  expect(statuses).toEqual(['CANCELLED', 'CANCELLED']);
});
