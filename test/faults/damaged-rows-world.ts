import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { action, callback, type Engine, event, flow, map, open, parallel, RetryPresets, sleep } from 'perdure';
import { expect, vi } from 'vitest';
import { collectingLogger, type LogLine, unique } from '../api/with-engine.js';

/** While it is shut, the bodies that wait for it stand still, as in a process that is about to die. */
let shut = true;
const gate = action(unique('gate'), async (value: string) => (shut ? new Promise<never>(() => {}) : value));
const quick = action(unique('quick'), async (value: unknown) => value);
const fails = action(unique('fails'), async (): Promise<void> => {
  throw new Error('declined');
});
const shaky = action(
  unique('shaky'),
  async () => {
    if (shut) throw new Error('not yet');
    return 'at last';
  },
  { retry: RetryPresets.fixed({ maxAttempts: 1_000, delay: '2s' }) },
);

export const WAIT = { timeout: 15_000, interval: 20 };
/** Short, for one whose lock cannot be looked at since its row was damaged. */
const LEASE_MS = 2_000;
const forever = '365d';
const tokens: string[] = [];

const child = flow(unique('child'), async (name: string) => `${name}: ${await gate(name)}`);
const failing = flow(unique('failing'), async () => fails.with({ retry: RetryPresets.none() })());

const BODIES = {
  timers: async () => {
    await quick('before');
    await sleep('300ms');
    return (await parallel([() => sleep('300ms'), () => quick('beside')])).status;
  },
  events: async () => [await event<string>('first').result(), await event<string>('second', { timeout: forever }).result()],
  answered: async () => {
    const { token, future } = callback<string>({ timeout: forever });
    tokens.push(token);
    return future;
  },
  children: async () => {
    const made = child.start('made');
    const given = child.with({ id: 'given' }).start('given');
    return [await made, await given, (await failing.start().exception()) === undefined];
  },
  batches: async () => {
    const all = await parallel({ done: () => quick('done'), nested: () => map(['a', 'b'], (item) => gate(item)) });
    return [all.status, all.getResults().length];
  },
  retried: async () => shaky(),
  detaches: async () => {
    gate.start('detached').detach();
    return quick('left it');
  },
  cancelled: async () => {
    try {
      return await event('never').result();
    } finally {
      await quick('too late').catch(() => {});
    }
  },
  fails: async () => failing(),
  succeeds: async () => [await quick(1), await quick({ two: 2 })],
};

/** A healthy run beside the damaged ones. */
export const witness = flow(unique('witness'), async () => [await event<string>('word').result(), await quick('done')]);

export type FlowName = keyof typeof BODIES;
const FLOWS = Object.entries(BODIES).map(([name, body]) => ({
  name: name as FlowName,
  flow: flow(unique(name), body as () => Promise<unknown>),
}));

/** Runs of every kind in a file, as a process leaves them that is killed while they wait; with messages for those that wait for some. */
export class DamagedRowsWorld {
  readonly #file: string;
  readonly #directory: string;
  #copies = 0;

  private constructor(directory: string, file: string) {
    this.#directory = directory;
    this.#file = file;
  }

  static async make(directory: string): Promise<DamagedRowsWorld> {
    const live = join(directory, 'live.db');
    shut = true;
    const engine = await open({ store: live, default: false, logger: collectingLogger().logger, maxResidentRuns: 2, leaseMs: LEASE_MS });
    for (const { name, flow: each } of FLOWS) engine.start(each, [], { id: name });
    await vi.waitFor(
      async () =>
        expect(await statuses(engine)).toMatchObject({
          detaches: 'SUCCEEDED',
          fails: 'FAILED',
          succeeds: 'SUCCEEDED',
          events: 'SUSPENDED',
          answered: 'SUSPENDED',
          cancelled: 'SUSPENDED',
          'children//0': 'RUNNING',
        }),
      WAIT,
    );
    await vi.waitFor(async () => expect((await engine.operations('retried'))[0]?.failedAttempts).toBeDefined(), WAIT);
    const killed = copyOf(live, join(directory, 'killed.db'));
    await engine.close({ timeout: 0 });
    const client = await open({ store: killed, execute: false, default: false });
    await client.send('events', 'first', 'one');
    await client.send('events', 'second', 'two');
    await client.complete(tokens[0] as string, 'answer');
    await client.cancel('cancelled', 'not wanted');
    await client.close();
    return new DamagedRowsWorld(directory, killed);
  }

  /** The path of another copy of the file. */
  copy(): string {
    this.#copies += 1;
    return copyOf(this.#file, join(this.#directory, `copy-${this.#copies}.db`));
  }
}

/** A process that takes the runs over, whose actions come to their ends. */
export async function takeOver(path: string): Promise<{ readonly engine: Engine; readonly lines: readonly LogLine[] }> {
  shut = false;
  const { logger, lines } = collectingLogger();
  const engine = await open({ store: path, default: false, logger });
  return { engine, lines };
}

export async function statuses(engine: Engine): Promise<Record<string, string>> {
  return Object.fromEntries((await engine.list({ limit: 1_000 })).map(({ id, status }) => [id, status]));
}

function copyOf(from: string, to: string): string {
  for (const end of ['', '-wal']) if (existsSync(from + end)) copyFileSync(from + end, to + end);
  return to;
}
