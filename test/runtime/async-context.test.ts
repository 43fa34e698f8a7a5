import { AsyncLocalStorage } from 'node:async_hooks';
import {
  action,
  actionContext,
  createRetryStrategy,
  event,
  flow,
  flowContext,
  type LogFields,
  map,
  memoryStore,
  open,
  parallel,
  type Serdes,
  shield,
  sleep,
  waitForCondition,
} from 'perdure';
import type { Store } from 'perdure/store';
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { wrappedStore } from '../../src/testing/wrapped-store.js';
import { openEngine, thrownBy, unique } from '../api/with-engine.js';
import { testEngine } from '../testing/with-test-engine.js';

/** Whose request it is, as a web server keeps it. */
const tenant = new AsyncLocalStorage<string>();
/** By what was called: in whose context. */
const seen = new Map<string, Set<string | undefined>>();

function look(kind: string): void {
  seen.set(kind, (seen.get(kind) ?? new Set()).add(tenant.getStore()));
}

beforeEach(() => seen.clear());
afterAll(() => tenant.disable());

/** What was called anywhere else than in a clean context. */
function unclean(): Record<string, (string | undefined)[]> {
  const found = [...seen].map(([kind, stores]) => [kind, [...stores].filter((store) => store !== undefined)] as const);
  return Object.fromEntries(found.filter(([, stores]) => stores.length > 0));
}

const serdes: Serdes = {
  serialize(value) {
    look('serialize');
    return JSON.stringify(value) ?? '';
  },
  deserialize(text) {
    look('deserialize');
    return text === '' ? undefined : JSON.parse(text);
  },
};

const at =
  (level: string) =>
  (_message: string, _fields?: LogFields): void =>
    look(`logger ${level}`);
const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };

const EVENTS = [
  'run:started',
  'run:finished',
  'operation:started',
  'operation:finished',
  'attempt:failed',
  'action:heartbeat',
  'leak',
] as const;

/** An engine whose options and listeners all look where they are called. */
async function openLooking(store: Store = memoryStore()): Promise<Awaited<ReturnType<typeof open>>> {
  const engine = await open({ store, default: false, serdes, logger });
  onTestFinished(() => engine.close({ timeout: 0 }));
  for (const name of EVENTS) engine.on(name, () => look(`listener of ${name}`));
  return engine;
}

const charge = action(
  unique('charge'),
  async (whose: string) => {
    const { attempt, heartbeat, log } = actionContext();
    look(attempt === 1 ? 'action' : 'retry');
    heartbeat(whose);
    log.info('charging');
    if (attempt === 1) throw new Error('busy');
    await Promise.resolve();
    look('action, after an await');
    return whose;
  },
  {
    serdes,
    retry: createRetryStrategy({
      maxAttempts: 2,
      initialDelay: 1,
      jitter: 'NONE',
      retryable: () => {
        look('retryable');
        return true;
      },
    }),
  },
);
const poll = action(unique('poll'), async (count: number) => {
  look('look of a condition');
  return count + 1;
});
const failing = action(
  unique('failing'),
  async () => {
    throw new Error('no');
  },
  {
    retry: () => {
      look('retry strategy');
      return { retry: false };
    },
  },
);
const hold = action(unique('hold'), async () => {
  const { signal } = actionContext();
  signal.addEventListener('abort', () => look('abort listener'));
  await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
});
const child = flow(unique('child'), async (whose: string) => {
  look('child');
  await sleep(1);
  look('child, after a sleep');
  return whose;
});
const forgotten = flow(unique('forgotten'), async () => {
  hold.start();
});
/** Of one run, too much for the result of a batch. */
async function mapped(): Promise<string> {
  look('map function');
  return flowContext().runId.endsWith('-0') ? 'x'.repeat(300_000) : '';
}

const order = flow(unique('order'), async (whose: string) => {
  look('flow');
  flowContext().log.info('begun');
  try {
    await charge(whose);
    look('flow, after an action');
    await event('go');
    look('flow, after an event');
    await child(whose);
    await forgotten.with({ name: 'forgotten' })();
    await failing().catch(() => look('catch'));
    await waitForCondition(poll, {
      initial: 0,
      strategy: (count) => {
        look('strategy of a condition');
        return { continue: count < 2, delay: 1 };
      },
    });
    const branch = async (): Promise<void> => {
      look('branch');
      await sleep(1);
      look('branch, after a sleep');
    };
    await parallel([branch, branch, branch], {
      maxConcurrency: 1,
      completionConfig: {
        shouldComplete: ({ succeeded }) => {
          look('shouldComplete');
          return succeeded === 3;
        },
      },
    });
    await map([1, 2], mapped, {
      itemNamer: () => {
        look('itemNamer');
        return 'item';
      },
      summaryGenerator: () => {
        look('summaryGenerator');
        return 'big';
      },
    });
    const held = hold.start();
    await sleep(1);
    held.cancel();
    await shield(async () => {
      look('shield');
      await sleep(1);
      look('shield, after a sleep');
    });
  } finally {
    look('finally');
  }
  return whose;
});

const KINDS = [
  'abort listener',
  'branch',
  'branch, after a sleep',
  'catch',
  'child',
  'child, after a sleep',
  'deserialize',
  'finally',
  'flow, after an event',
  'itemNamer',
  ...EVENTS.filter((name) => name !== 'action:heartbeat').map((name) => `listener of ${name}`),
  'logger warn',
  'look of a condition',
  'map function',
  'retry strategy',
  'serialize',
  'shield',
  'shield, after a sleep',
  'shouldComplete',
  'strategy of a condition',
  'summaryGenerator',
].sort();
const LIVE_KINDS = [
  'action',
  'action, after an await',
  'flow',
  'flow, after an action',
  'listener of action:heartbeat',
  'logger info',
  'retry',
  'retryable',
];

const requests = Array.from({ length: 25 }, (_, index) => `request-${index}`);

describe('what runs for a request (25 at the same time)', () => {
  test('is in nobody’s context, whatever is called, while the request keeps its own', async () => {
    const engine = await openLooking();
    const results = requests.map((whose) =>
      tenant.run(whose, async () => {
        const future = engine.start(order, [whose], { id: `order-${whose}` });
        await future.recorded();
        await engine.send(future.id, 'go');
        const result = await future.result();
        return [result, tenant.getStore()];
      }),
    );
    expect(await Promise.all(results)).toStrictEqual(requests.map((whose) => [whose, whose]));
    expect(unclean()).toStrictEqual({});
    expect([...seen.keys()].sort()).toStrictEqual([...new Set([...KINDS, ...LIVE_KINDS])].sort());
  });

  test('is in nobody’s context after a recovery, in an engine that a request opens, among passing requests', async () => {
    const store = memoryStore();
    const before = await openLooking(store);
    const futures = requests.map((whose) => tenant.run(whose, () => before.start(order, [whose], { id: `order-${whose}` })));
    const charged = new Promise<void>((resolve) => {
      let events = 0;
      before.on('operation:started', ({ kind }) => {
        if (kind === 'event') events += 1;
        if (events === requests.length) resolve();
      });
    });
    await charged;
    for (const future of futures) future.result().catch(() => undefined);
    await before.close({ timeout: 0 });
    seen.clear();

    const engine = await tenant.run('opener', () => openLooking(store));
    const results = requests.map((whose) =>
      tenant.run(`passing ${whose}`, async () => {
        const future = engine.future(`order-${whose}`);
        await engine.send(future.id, 'go');
        return future.result();
      }),
    );
    expect(await Promise.all(results)).toStrictEqual(requests);
    expect(unclean()).toStrictEqual({});
    expect([...seen.keys()]).toStrictEqual(expect.arrayContaining(KINDS));
  });

  test('is in nobody’s context in a flow that another request registers while runs wait for it', async () => {
    const store = memoryStore();
    const name = unique('late');
    const first = await openEngine({ store });
    const old = flow(name, async () => event('go'));
    await first.engine.start(old, [], { id: 'late' }).recorded();
    await first.engine.close({ timeout: 0 });
    const engine = await openLooking(store);
    const late = tenant.run('registers', () =>
      flow(
        name,
        async () => {
          look('late flow');
          return event('go');
        },
        { replace: true },
      ),
    );
    expect(late.name).toBe(name);
    await tenant.run('sends', () => engine.send('late', 'go', 'gone'));
    expect(await engine.future('late').result()).toBe('gone');
    expect(unclean()).toStrictEqual({});
  });
});

describe('abort listeners', () => {
  const endings: readonly (readonly [string, (engine: Awaited<ReturnType<typeof openLooking>>) => Promise<unknown>])[] = [
    ['engine.cancel()', (engine) => engine.cancel('held')],
    ['a cancel of the future', async (engine) => engine.future('held').cancel()],
    ['engine.close()', (engine) => engine.close({ timeout: 0 })],
  ];
  test.each(endings)('are in nobody’s context when a request calls %s', async (_what, end) => {
    const engine = await openLooking();
    const begun = new Promise<void>((resolve) => engine.on('operation:started', () => resolve()));
    const future = engine.start(
      flow(unique('holds'), async () => hold()),
      [],
      { id: 'held' },
    );
    await begun;
    await new Promise((resolve) => setImmediate(resolve));
    await tenant.run('cancels', () => end(engine));
    await thrownBy(() => future.result());
    expect(seen.get('abort listener')).toStrictEqual(new Set([undefined]));
  });
});

describe('what a function sets with enterWith', () => {
  test('is seen by no other', async () => {
    const engine = await openLooking();
    const enter = (kind: string): void => {
      look(kind);
      tenant.enterWith(`entered by a ${kind}`);
    };
    engine.on('operation:started', () => enter('listener'));
    const step = action(
      unique('enters'),
      () => {
        enter('action');
        if (actionContext().attempt === 1) throw new Error('again');
      },
      {
        retry: (_error, attempt) => {
          enter('strategy');
          return { retry: attempt < 2 };
        },
      },
    );
    const inner = flow(unique('enters'), async () => enter('child'));
    const outer = flow(unique('enters'), async () => {
      enter('flow');
      await parallel([async () => enter('branch'), async () => step(), async () => inner()]);
    });
    await Promise.all(requests.map((whose) => tenant.run(whose, () => engine.start(outer, []))));
    expect([...seen.keys()]).toStrictEqual(expect.arrayContaining(['action', 'branch', 'child', 'flow', 'listener', 'strategy']));
    expect(unclean()).toStrictEqual({});
  });

  test('stays with the function that has set it', async () => {
    const { engine } = await openEngine();
    const own = action(unique('own'), async () => {
      tenant.enterWith('own');
      await Promise.resolve();
      return tenant.getStore();
    });
    expect(
      await engine.start(
        flow(unique('own'), async () => own()),
        [],
      ),
    ).toBe('own');
  });
});

describe('places', () => {
  test('are known in every body, also where it has a context of its own', async () => {
    const { engine } = await openEngine();
    const where = action(unique('where'), async () => {
      await Promise.resolve();
      return tenant.run('inner', () => actionContext().operationId);
    });
    const body = flow(unique('where'), async () =>
      tenant.run('inner', async () => {
        const first = await where();
        const batch = await parallel([async () => where()]);
        return [flowContext().runId, first, batch.getResults(), tenant.getStore()];
      }),
    );
    expect(await tenant.run('request', () => engine.start(body, [], { id: 'here' }))).toStrictEqual(['here', '0', ['1.0.0'], 'inner']);
  });

  test('keep a rejection that a flow of a request does not handle with that flow', async () => {
    const { engine } = await openEngine();
    const leaks: string[] = [];
    engine.on('leak', ({ runId, futures }) => leaks.push(`${runId}: ${futures[0]?.error?.message}`));
    const body = flow(unique('rejects'), async (whose: string) => {
      await sleep(1);
      void Promise.reject(new Error(whose));
      await sleep(1);
    });
    await Promise.all(requests.map((whose) => tenant.run(whose, () => engine.start(body, [whose], { id: whose }))));
    expect(leaks.sort()).toStrictEqual(requests.map((whose) => `${whose}: ${whose}`).sort());
  });
});

describe('a store', () => {
  test('is called in nobody’s context', async () => {
    const store = wrappedStore(memoryStore(), (method, call) => {
      look(method);
      return call();
    });
    const { engine } = await tenant.run('opener', () => openEngine({ store }));
    await Promise.all(
      requests.map((whose) =>
        tenant.run(whose, async () => {
          const waits = flow(unique('waits'), async () => event('go'));
          const future = engine.start(waits, [], { id: whose });
          await engine.send(whose, 'go');
          await Promise.all([engine.get(whose), engine.list(), future.result(), engine.future(whose).exception()]);
        }),
      ),
    );
    await tenant.run('closer', () => engine.close());
    expect(unclean()).toStrictEqual({});
  });
});

describe('the testing kit', () => {
  test('runs mocks and timers in nobody’s context', async () => {
    const engine = testEngine({ autoAdvance: false });
    const mocked = action(unique('mocked'), async () => 'real');
    engine.mock(
      mocked,
      () => {
        look('mock');
        return 'mock';
      },
      {
        latency: () => {
          look('latency');
          return 5;
        },
      },
    );
    const body = flow(unique('mocked'), async () => {
      look('flow');
      await sleep('1h');
      look('flow, after a sleep');
      return mocked();
    });
    const future = tenant.run('test', () => engine.start(body, []));
    await tenant.run('advances', () => engine.advance('2h'));
    await tenant.run('advances', () => engine.advance('2h'));
    expect(await future.result()).toBe('mock');
    expect([...seen.keys()]).toStrictEqual(['flow', 'flow, after a sleep', 'latency', 'mock']);
    expect(unclean()).toStrictEqual({});
  });
});
