import {
  action,
  actionContext,
  callback,
  continueAsNew,
  type DurableFuture,
  type Engine,
  type EngineOptions,
  event,
  flow,
  map,
  memoryStore,
  parallel,
  registerError,
  type Serdes,
  wait,
  waitForCondition,
} from 'perdure';
import type { Store } from 'perdure/store';
import { describe, expect, test, vi } from 'vitest';
import { deferred, inFlow, nextEvent, openEngine, thrownBy, unique } from '../api/with-engine.js';

/** Like encryption: what was written with one key cannot be read with another. */
class Keyed implements Serdes {
  #unreadable: (() => unknown) | undefined;

  serialize = (value: unknown): string => `sealed:${value === undefined ? '' : JSON.stringify(value)}`;

  deserialize = (text: string): unknown => {
    if (this.#unreadable !== undefined) return this.#unreadable();
    const json = text.slice('sealed:'.length);
    return json === '' ? undefined : JSON.parse(json);
  };

  loseKey(unreadable: () => unknown = badDecrypt): void {
    this.#unreadable = unreadable;
  }

  findKey(): void {
    this.#unreadable = undefined;
  }
}

const PLAIN: Serdes = {
  serialize: (value) => JSON.stringify(value) ?? '',
  deserialize: (text) => (text === '' ? undefined : JSON.parse(text)),
};

function badDecrypt(): never {
  throw new Error('bad decrypt');
}

/** One run, over the processes that have it. */
class World {
  readonly serdes: Keyed = new Keyed();
  /** What the run's code did since it was last looked. */
  readonly lines: string[] = [];
  readonly #gate = deferred();
  /** Ends when the gate is opened. */
  readonly later = action(unique('later'), async () => this.#gate.promise, { serdes: PLAIN });

  openGate(): void {
    this.#gate.resolve();
  }

  /** The body, noting how it goes on, whatever comes. */
  noting<T>(ask: () => PromiseLike<T>): () => Promise<T> {
    return async () => {
      try {
        const value = await ask();
        this.lines.push('went on');
        return value;
      } catch (error) {
        this.lines.push(`caught ${(error as Error).message}`);
        throw error;
      } finally {
        this.lines.push('finally');
      }
    };
  }
}

interface Case {
  /** The body of the flow. */
  readonly body: (world: World) => (...args: never[]) => Promise<unknown>;
  /** Whether the engine has the serdes that loses its key, and the flow none of its own. */
  readonly engineWide?: 'with the flow' | 'without the flow';
  /** Where the first process ends. Default: when `later` is what the run waits for. */
  readonly until?: (world: World) => unknown;
  /** What lets the run come to the value, in the process that cannot read it. */
  readonly lead?: (engine: Engine, world: World) => unknown;
  readonly result: unknown;
  /** What the reason names. */
  readonly named: string;
}

const forEver = (): Promise<never> => new Promise(() => {});
const openGate = (_: Engine, world: World): void => world.openGate();

const CASES: Readonly<Record<string, Case>> = {
  'the arguments of a flow': {
    body:
      ({ later, lines }) =>
      async () => {
        await later();
        lines.push('went on');
        return 'done';
      },
    engineWide: 'with the flow',
    result: 'done',
    named: 'the arguments of flow "body',
  },
  'the outcome of an action': {
    body: (world) => {
      const read = action(unique('read'), async () => 'secret', { serdes: world.serdes });
      return world.noting(async () => {
        const value = await read();
        await world.later();
        return value;
      });
    },
    result: 'secret',
    named: 'the outcome of action "read',
  },
  'the outcome of an action, where its failure is caught': {
    body: (world) => {
      const read = action(unique('read'), async () => 'secret', { serdes: world.serdes });
      return world.noting(async () => {
        const value = await read
          .start()
          .result()
          .catch(() => 'fallback');
        await world.later();
        return value;
      });
    },
    result: 'secret',
    named: 'the outcome of action "read',
  },
  'an outcome that exception() asks for': {
    body: (world) => {
      const read = action(unique('read'), async () => 'secret', { serdes: world.serdes });
      return world.noting(async () => {
        const error = await read.start().exception();
        await world.later();
        return error;
      });
    },
    result: undefined,
    named: 'the outcome of action "read',
  },
  'an outcome that wait() gives': {
    body: (world) => {
      const read = action(unique('read'), async () => 'secret', { serdes: world.serdes });
      return world.noting(async () => {
        const { done } = await wait([read.start()]);
        await world.later();
        return (await Promise.all(done)).length;
      });
    },
    result: 1,
    named: 'the outcome of action "read',
  },
  'an outcome that nobody has asked for yet': {
    body: (world) => {
      const read = action(unique('read'), async () => 'secret', { serdes: world.serdes });
      return world.noting(async () => {
        const future = read.start();
        await world.later();
        return future;
      });
    },
    result: 'secret',
    named: 'the outcome of action "read',
  },
  'the arguments of an action that is done again': {
    body: (world) => {
      let runs = 0;
      const act = action(
        unique('act'),
        async (value: string) => {
          runs += 1;
          world.lines.push('ran');
          return runs === 1 ? forEver() : value;
        },
        { serdes: world.serdes, retry: () => ({ retry: true }) },
      );
      return world.noting(async () => act('given'));
    },
    until: ({ lines }) => expect(lines).toEqual(['ran']),
    result: 'given',
    named: 'what the next attempt is given of action "act',
  },
  'the arguments of an action that is made at most once': {
    body: (world) => {
      const act = action(unique('act'), async (value: string) => value, { serdes: world.serdes, execution: 'at-most-once' });
      return world.noting(async () => {
        await world.later();
        return act('given');
      });
    },
    lead: openGate,
    result: 'given',
    named: 'what the next attempt is given of action "act',
  },
  'what the last attempt said of its progress': {
    body: (world) => {
      let runs = 0;
      const act = action(
        unique('act'),
        async () => {
          runs += 1;
          const { heartbeatDetail, heartbeat } = actionContext();
          if (runs > 1) return heartbeatDetail;
          heartbeat('half');
          world.lines.push('ran');
          return forEver();
        },
        { serdes: world.serdes },
      );
      return world.noting(async () => act());
    },
    until: ({ lines }) => expect(lines).toEqual(['ran']),
    result: 'half',
    named: 'what the next attempt is given of action "act',
  },
  'the state of a condition': {
    body: (world) => {
      const look = action(
        unique('look'),
        async (n: number) => {
          world.lines.push(`looked ${n}`);
          return n === 1 && world.lines.length === 2 ? forEver() : n + 1;
        },
        { serdes: world.serdes },
      );
      return world.noting(async () =>
        waitForCondition(look, {
          initial: 0,
          strategy: (state: number) => (state < 2 ? { continue: true, delay: 1 } : { continue: false }),
        }),
      );
    },
    until: ({ lines }) => expect(lines).toEqual(['looked 0', 'looked 1']),
    result: 2,
    named: 'what the next attempt is given of action "look',
  },
  "a child's outcome": {
    body: (world) => {
      const child = flow(unique('child'), async () => 'secret', { serdes: world.serdes });
      return world.noting(async () => {
        const value = await child();
        await world.later();
        return value;
      });
    },
    result: 'secret',
    named: 'the outcome of flow "child',
  },
  'the input of a run that has the id of a child': {
    body: (world) => {
      const child = flow(unique('child'), async (value: { a: number; b: number }) => value.a, { serdes: world.serdes });
      return world.noting(async () => {
        await child.with({ id: 'shared' })({ a: 1, b: 2 });
        await world.later();
        // The digest differs by the order of keys.
        return child.with({ id: 'shared' })({ b: 2, a: 1 });
      });
    },
    lead: openGate,
    result: 1,
    named: 'flow "child',
  },
  'a message for an event': {
    body: (world) => world.noting(async () => event<string>('go')),
    engineWide: 'without the flow',
    until: () => {},
    lead: async (engine) => engine.send('run', 'go', 'sent'),
    result: 'sent',
    named: 'the outcome of event "go',
  },
  'a message that was there before it was asked for': {
    body: (world) =>
      world.noting(async () => {
        await world.later();
        return event<string>('go');
      }),
    engineWide: 'without the flow',
    lead: async (engine, world) => {
      await engine.send('run', 'go', 'sent');
      world.openGate();
    },
    result: 'sent',
    named: 'the outcome of event "go',
  },
  'the answer to a callback': {
    body: (world) =>
      world.noting(async () => {
        const { token, future } = callback<string>();
        world.lines.push(token);
        return future;
      }),
    engineWide: 'without the flow',
    until: ({ lines }) => expect(lines).toHaveLength(1),
    lead: async (engine, { lines }) => engine.complete(lines.splice(0)[0] as string, 'answer'),
    result: 'answer',
    named: 'the outcome of event',
  },
  'the branches of a batch': {
    body: (world) =>
      world.noting(async () => {
        const result = await parallel([() => 'a', () => 'b'], { itemSerdes: world.serdes });
        await world.later();
        return result.getResults();
      }),
    result: ['a', 'b'],
    named: 'the outcome of parallel',
  },
  'a loser of a batch, which is cancelled by that': {
    body: (world) => {
      const race = action(unique('race'), forEver);
      const racing = async (): Promise<string> => {
        try {
          return await race();
        } finally {
          world.lines.push('the loser cleaned up');
        }
      };
      const first = async (): Promise<string> => {
        await world.later();
        return 'a';
      };
      return world.noting(async () => {
        const result = await parallel([first, racing], { itemSerdes: world.serdes, completionConfig: { minSuccessful: 1 } });
        return result.getResults();
      });
    },
    lead: openGate,
    result: ['a'],
    named: 'the outcome of parallel',
  },
  'the whole result of a batch': {
    body: (world) =>
      world.noting(async () => {
        const result = await map(['a', 'b'], (item) => item, { serdes: world.serdes });
        await world.later();
        return result.getResults();
      }),
    result: ['a', 'b'],
    named: 'the outcome of map',
  },
  'the values of a batch that it is decided with': {
    body: (world) =>
      world.noting(async () => {
        const late = async (): Promise<string> => {
          await world.later();
          return 'b';
        };
        return (await parallel([() => 'a', late], { itemSerdes: world.serdes, serdes: PLAIN })).getResults();
      }),
    lead: openGate,
    result: ['a', 'b'],
    named: 'an outcome in the result of parallel',
  },
  'the arguments of the next generation': {
    body: ({ later, lines }) =>
      (async (generation?: number) => {
        if (generation === undefined) return continueAsNew(2);
        await later();
        lines.push('went on');
        return generation;
      }) as () => Promise<unknown>,
    engineWide: 'with the flow',
    result: 2,
    named: 'the arguments of flow "body',
  },
  'the arguments of an action that is to outlive its run': {
    body: (world) => {
      const act = action(unique('act'), async (value: string) => (value === 'first' ? forEver() : value), { concurrency: 1 });
      return async () => {
        await world.later();
        for (const call of [act, act.with({ serdes: world.serdes })]) call.start(call === act ? 'first' : 'second').detach();
        return 'done';
      };
    },
    lead: openGate,
    result: 'done',
    named: 'the arguments of action "act',
  },
};

interface Stopped {
  readonly world: World;
  readonly store: Store;
  readonly options: EngineOptions;
}

/** The run of a case, left by a process that could read everything. */
async function leftBehind({ body, engineWide, until }: Case): Promise<Stopped> {
  const world = new World();
  const store = memoryStore();
  const options: EngineOptions = { store, ...(engineWide === undefined ? {} : { serdes: world.serdes }) };
  const ofFlow = engineWide === 'with the flow' ? {} : { serdes: PLAIN };
  const { engine } = await openEngine(options);
  await engine.start(flow(unique('body'), body(world), ofFlow), [] as never, { id: 'run' }).recorded();
  await vi.waitFor(async () => {
    if (until !== undefined) until(world);
    else expect((await engine.get('run')).pending.map(({ name }) => name)).toContain(world.later.name);
  });
  await engine.close({ timeout: 0 });
  if (until === undefined || world.lines[0] === 'ran' || world.lines[0] === 'looked 0') world.lines.splice(0);
  return { world, store, options };
}

/** A process takes the run over that cannot read what it has to. */
async function blockedBy(given: Case, { world, options }: Stopped, unreadable?: () => unknown): Promise<Engine> {
  world.serdes.loseKey(unreadable);
  const { engine, lines } = await openEngine({ ...options, default: false });
  const blocked = (await engine.get('run')).status === 'BLOCKED' ? undefined : nextEvent(engine, 'run:blocked');
  await given.lead?.(engine, world);
  if (blocked !== undefined)
    expect(await blocked).toMatchObject({ runId: 'run', code: 'VALUE_UNREADABLE', error: { code: 'VALUE_UNREADABLE' } });
  const { status, blockedCode, error } = await engine.get('run');
  expect({ status, blockedCode, error }).toMatchObject({
    status: 'BLOCKED',
    blockedCode: 'VALUE_UNREADABLE',
    error: { name: 'ExecutionError' },
  });
  expect(error?.message).toContain(given.named);
  expect(error?.message).toContain('engine.retry("run")');
  expect(lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  expect(world.lines).toEqual([]);
  return engine;
}

describe.each(Object.entries(CASES))('%s', (_, given) => {
  test('that cannot be read blocks the run, whose code does not go on until another process can', async () => {
    const left = await leftBehind(given);
    await blockedBy(given, left);
    left.world.serdes.findKey();
    left.world.openGate();
    const { engine } = await openEngine(left.options);
    expect(await engine.future('run')).toEqual(given.result);
  });

  test('that cannot be read leaves the run to retry()', async () => {
    const left = await leftBehind(given);
    const engine = await blockedBy(given, left);
    left.world.serdes.findKey();
    left.world.openGate();
    await engine.retry('run');
    expect(await engine.future('run')).toEqual(given.result);
  });
});

test.each<[string, () => unknown]>([
  [
    'throws something that is no error',
    () => {
      throw 'bad decrypt';
    },
  ],
  ['returns a promise', () => Promise.reject(new Error('bad decrypt'))],
  ['brings arguments back as a text', () => 'garbage'],
])('a serdes that %s blocks the run', async (_, unreadable) => {
  const given = CASES['the arguments of a flow'] as Case;
  await blockedBy(given, await leftBehind(given), unreadable);
});

describe('a serdes that cannot read what it has just written', () => {
  const broken: Serdes = { serialize: () => 'x', deserialize: badDecrypt };

  test.each<[string, () => Promise<unknown>]>([
    [
      'the outcome of an action',
      async () =>
        action(unique('act'), async () => 1, { serdes: { ...broken, deserialize: (text) => (text === 'x' ? badDecrypt() : []) } })(),
    ],
    ['the arguments of an action', async () => action(unique('act'), async (_value: number) => 1, { serdes: broken })(1)],
    ['the arguments of a child', async () => flow(unique('child'), async (_value: number) => 1, { serdes: broken })(1)],
    ['the items of a batch', async () => parallel([() => 1], { itemSerdes: broken })],
    ['the result of a batch', async () => parallel([() => 1], { serdes: broken })],
    [
      'the state of a condition',
      async () => {
        let calls = 0;
        const once = (): unknown => {
          calls += 1;
          return calls === 1 ? [1] : badDecrypt();
        };
        const look = action(unique('look'), async (n: number) => n, { serdes: { ...broken, deserialize: once } });
        return waitForCondition(look, { initial: 1, strategy: () => ({ continue: false }) });
      },
    ],
  ])('blocks the run at %s', async (_, ask) => {
    const { engine } = await openEngine();
    const blocked = nextEvent(engine, 'run:blocked');
    engine.start(flow(unique('body'), ask), []);
    expect(await blocked).toMatchObject({ code: 'VALUE_UNREADABLE' });
  });
});

test('each process that comes later tries a run once, and no other does', async () => {
  const given = CASES['the outcome of an action'] as Case;
  const left = await leftBehind(given);
  const first = await blockedBy(given, left);
  const blockings: string[] = [];
  first.on('run:blocked', () => blockings.push('first'));
  for (const name of ['second', 'third']) {
    const { engine, lines } = await openEngine(left.options);
    engine.on('run:blocked', () => blockings.push(name));
    await vi.waitFor(() => expect(lines.filter(({ level }) => level === 'error')).toHaveLength(1));
  }
  // Every look for work that comes now finds nothing.
  const other = flow(unique('other'), async () => 1);
  for (let run = 0; run < 3; run += 1) await first.start(other, []);
  await first.retry('run').then(() => nextEvent(first, 'run:blocked'));
  expect(blockings.filter((name) => name === 'first')).toHaveLength(1);
  expect((await first.get('run')).status).toBe('BLOCKED');
});

test('others go on beside a run that cannot be read', async () => {
  const given = CASES['the outcome of an action'] as Case;
  const left = await leftBehind(given);
  const engine = await blockedBy(given, left);
  expect(
    await engine.start(
      flow(unique('other'), async () => 'well'),
      [],
    ),
  ).toBe('well');
});

test('a future outside of flows rejects, and its run stays as it is', async () => {
  const serdes = new Keyed();
  const { engine } = await openEngine();
  const body = flow(unique('body'), async () => 'secret', { serdes });
  await engine.start(body, [], { id: 'run' });
  serdes.loseKey();
  const future = engine.future('run') as DurableFuture<unknown>;
  expect(await thrownBy(() => future)).toMatchObject({ name: 'ExecutionError', code: 'VALUE_UNREADABLE' });
  expect(await future.exception()).toMatchObject({ code: 'VALUE_UNREADABLE' });
  expect(future.status).toBe('SUCCEEDED');
  expect((await engine.get('run')).status).toBe('SUCCEEDED');
  serdes.findKey();
  expect(await engine.future('run')).toBe('secret');
});

test('a start under an id whose arguments cannot be compared rejects', async () => {
  const serdes = new Keyed();
  const { engine } = await openEngine();
  const body = flow(unique('body'), async (value: { a: number; b?: number }) => value.a, { serdes });
  await engine.start(body, [{ a: 1, b: 2 }], { id: 'run' });
  serdes.loseKey();
  expect(await thrownBy(() => engine.start(body, [{ b: 2, a: 1 }], { id: 'run' }))).toMatchObject({ code: 'VALUE_UNREADABLE' });
});

test('check() and a rehearsal report a value that cannot be read', async () => {
  const serdes = new Keyed();
  const { engine } = await openEngine();
  const read = action(unique('read'), async () => 'secret', { serdes });
  const body = flow(unique('body'), async () => read());
  await engine.start(body, [], { id: 'run' });
  serdes.loseKey();
  const { checked, mismatches } = await engine.check(body);
  expect({ checked, mismatches }).toMatchObject({ checked: 1, mismatches: [{ runId: 'run', status: 'SUCCEEDED' }] });
  expect(mismatches[0]?.problem).toContain('bad decrypt');
});

test('an error class whose constructor throws is no reason not to read its errors', async () => {
  class Picky extends Error {
    constructor(reason?: string) {
      if (reason === undefined) throw new Error('a reason is needed');
      super(reason);
    }
  }
  registerError(Picky, unique('Picky'));
  const seen = await inFlow(async () => {
    const error = await action(unique('act'), async () => {
      throw new Picky('this one');
    })
      .start()
      .exception();
    return [error instanceof Picky, error?.message];
  });
  expect(seen).toEqual([true, 'this one']);
});
