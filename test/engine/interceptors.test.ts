import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type AttemptInfo,
  action,
  actionContext,
  type Flow,
  flow,
  type Interceptor,
  InterruptedError,
  map,
  memoryStore,
  open,
  parallel,
  RetryPresets,
  shield,
  sleep,
  waitForCondition,
} from 'perdure';
import { createTestEngine } from 'perdure/testing';
import { describe, expect, test } from 'vitest';
import { openEngine, thrownBy, unique } from '../api/with-engine.js';

const double = action(unique('double'), async (n: number) => 2 * n);

/** A flow with this body. */
function bodyFlow<T>(body: () => Promise<T>): Flow<[], T> {
  return flow(unique('body'), body);
}

/** An interceptor that notes when bodies begin and end. */
function noting(name: string, lines: string[]): Interceptor {
  return {
    async around({ attempt }, body) {
      lines.push(`${name} begins ${attempt}`);
      try {
        return await body();
      } finally {
        lines.push(`${name} ends ${attempt}`);
      }
    },
  };
}

describe('interceptors', () => {
  test('run around each attempt, the first outermost', async () => {
    const lines: string[] = [];
    let tries = 0;
    const flaky = action(
      unique('flaky'),
      async () => {
        lines.push('body');
        tries += 1;
        if (tries < 2) throw new Error('not yet');
        return tries;
      },
      { retry: RetryPresets.linear() },
    );
    await using kit = await createTestEngine({ interceptors: [noting('outer', lines), noting('inner', lines)] });
    expect(
      await kit.run(
        bodyFlow(() => flaky()),
        [],
      ),
    ).toMatchObject({ status: 'SUCCEEDED', result: 2 });
    const each = (n: number): string[] => [`outer begins ${n}`, `inner begins ${n}`, 'body', `inner ends ${n}`, `outer ends ${n}`];
    expect(lines).toEqual([...each(1), ...each(2)]);
  });

  test('are told which attempt it is', async () => {
    const seen: AttemptInfo[] = [];
    const keys: string[] = [];
    const keyed = action(unique('keyed'), async () => keys.push(actionContext().idempotencyKey));
    const { engine } = await openEngine({
      interceptors: [
        {
          around(attempt, body) {
            seen.push(attempt);
            return body();
          },
        },
      ],
    });
    const body = bodyFlow(() => keyed.with({ name: 'billing' })());
    const before = Date.now();
    await engine.start(body, [], { id: 'run' });
    expect(seen).toEqual([
      {
        runId: 'run',
        flow: body.name,
        operationId: '0',
        name: 'billing',
        attempt: 1,
        idempotencyKey: keys[0],
        startedAt: expect.any(Number),
      },
    ]);
    expect(seen[0]?.startedAt).toBeGreaterThanOrEqual(before);
  });

  test('set a context for their bodies that nothing else sees', async () => {
    const tenant = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const look = action(unique('look'), async () => void seen.push(tenant.getStore()));
    const { engine } = await openEngine({ interceptors: [{ around: ({ runId }, body) => tenant.run(runId, body) }] });
    await engine.start(
      bodyFlow(async () => {
        await look();
        seen.push(tenant.getStore());
        await parallel([() => look()]);
        await shield(() => look());
      }),
      [],
      { id: 'acme' },
    );
    expect(seen).toEqual(['acme', undefined, 'acme', 'acme']);
  });

  test.each<[string, () => Promise<unknown>, number]>([
    ['a plain call', () => double(1), 1],
    ['items of a map', () => map([1, 2, 3], double), 3],
    ['polls', () => waitForCondition(double, { initial: 1, strategy: (n) => ({ continue: n < 8, delay: '1s' }) }), 3],
    ['a detached action', async () => double.start(1).detach(), 1],
    ['no timer', () => sleep(1), 0],
  ])('are called for the bodies of actions: %s', async (_, body, calls) => {
    let count = 0;
    await using kit = await createTestEngine({
      interceptors: [
        {
          around(_attempt, call) {
            count += 1;
            return call();
          },
        },
      ],
    });
    await kit.run(bodyFlow(body), []);
    expect(count).toBe(calls);
  });

  test('run around mocks in the testing kit', async () => {
    const lines: string[] = [];
    await using kit = await createTestEngine({ interceptors: [noting('outer', lines)] });
    kit.mock(double, async () => 5);
    expect(
      await kit.run(
        bodyFlow(() => double(1)),
        [],
      ),
    ).toMatchObject({ result: 5 });
    expect(lines).toEqual(['outer begins 1', 'outer ends 1']);
  });

  test('decide what an attempt comes to', async () => {
    const { engine } = await openEngine({ interceptors: [{ around: async (_attempt, body) => `${await body()}!` }] });
    expect(
      await engine.start(
        bodyFlow(() => double(2)),
        [],
      ),
    ).toBe('4!');
  });

  test.each<[string, Interceptor['around'], string]>([
    [
      'a throw',
      () => {
        throw new Error('no access');
      },
      'no access',
    ],
    ['a rejection', async () => Promise.reject(new InterruptedError('closed')), 'closed'],
    [
      'a second call of the body',
      async (_attempt, body) => {
        await body();
        return body();
      },
      'called body() twice in attempt 1',
    ],
  ])('let an attempt fail by %s', async (_, around, message) => {
    const { engine } = await openEngine({ interceptors: [{ around }] });
    const error = await engine
      .start(
        bodyFlow(() => double(2)),
        [],
      )
      .exception();
    expect(error?.message).toContain(message);
  });

  test('see an error of the body as it was thrown', async () => {
    const thrown = new RangeError('too far');
    let seen: unknown;
    const far = action(unique('far'), () => {
      throw thrown;
    });
    const { engine } = await openEngine({
      interceptors: [
        {
          around: (_attempt, body) =>
            body().catch((error: unknown) => {
              seen = error;
              throw error;
            }),
        },
      ],
    });
    await engine
      .start(
        bodyFlow(() => far()),
        [],
      )
      .exception();
    expect(seen).toBe(thrown);
  });

  test('are not called for what an earlier execution has recorded', async () => {
    const store = memoryStore();
    let calls = 0;
    const interceptors: Interceptor[] = [
      {
        around(_attempt, body) {
          calls += 1;
          return body();
        },
      },
    ];
    const hold = action(unique('hold'), () => new Promise<never>(() => {}));
    const body = bodyFlow(async () => {
      await double(1);
      await hold();
    });
    for (const expected of [2, 3]) {
      const engine = await open({ store, interceptors });
      if (expected === 2) engine.start(body, [], { id: 'run' });
      await expect.poll(() => calls).toBe(expected);
      await engine.close({ timeout: 0 });
    }
  });

  test.each([{}, 'trace', [() => {}], [{ around: true }], [undefined]])('that are %j are refused', async (interceptors) => {
    const error = await thrownBy(() => open({ store: ':memory:', interceptors: interceptors as never }));
    expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining('around(attempt, body)') });
  });
});
