import { action, actionContext, asCompleted, FIRST_COMPLETED, flow, flowContext, NonDeterminismError, sleep, wait } from 'perdure';
import { beforeEach, expect, test } from 'vitest';
import { atRest, Generations, nextEvent } from './generations.js';

/** The bodies of actions that were called, and whether the gate lets through. */
let calls: string[] = [];
let open = false;

const one = action('one', async (input: string) => {
  calls.push(`one ${input}`);
  return input;
});
const two = action('two', async (input: string) => {
  calls.push(`two ${input}`);
  return input;
});
const failing = action('failing', async () => {
  calls.push('failing');
  throw new RangeError('no');
});
const gate = action('gate', async () => {
  calls.push('gate');
  const { signal } = actionContext();
  if (!open) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  return 'through';
});
const childFlow = flow('child of mended code', async (input: string) => input);

beforeEach(() => {
  calls = [];
  open = false;
});

const recordedBody = async (): Promise<string[]> => [await one('x'), await two('y'), await gate()];

interface Change {
  readonly change: string;
  readonly recorded?: () => Promise<unknown>;
  readonly body: () => Promise<unknown>;
  readonly expected: RegExp;
  readonly actual: RegExp;
}

const X = /expected: action "one" \(input digest .+, input \["x"\]\)/;
const Y = /expected: action "two" \(input digest .+, input \["y"\]\)/;

const CHANGES: readonly Change[] = [
  { change: 'another kind', body: async () => [await sleep(1), await two('y')], expected: X, actual: /actual: +timer "sleep"/ },
  { change: 'a flow for an action', body: async () => [await childFlow('x'), await two('y')], expected: X, actual: /actual: +flow "child/ },
  { change: 'another name', body: async () => [await one('x'), await one('y')], expected: Y, actual: /actual: +action "one"/ },
  {
    change: 'a name of the call',
    body: async () => [await one('x'), await two.with({ name: 'second' })('y')],
    expected: Y,
    actual: /actual: +action "second"/,
  },
  {
    change: 'another input',
    body: async () => [await one('z'), await two('y')],
    expected: X,
    actual: /actual: +action "one" \(input digest .+\)/,
  },
  { change: 'a swapped order', body: async () => [await two('y'), await one('x')], expected: X, actual: /actual: +action "two"/ },
  {
    change: 'a swapped order of starts',
    recorded: async () => Promise.all([one.start('x'), two.start('y')]).then(() => gate()),
    body: async () => Promise.all([two.start('y'), one.start('x')]).then(() => gate()),
    expected: X,
    actual: /actual: +action "two"/,
  },
  {
    change: 'an operation inserted before',
    body: async () => [await failing(), await one('x'), await two('y')],
    expected: X,
    actual: /"failing"/,
  },
  {
    change: 'a missing operation, while the flow waits for nothing',
    body: async () => [await one('x'), await new Promise(() => {})],
    expected: Y,
    actual: /actual: +nothing/,
  },
  {
    change: 'a missing operation, while the flow waits for one that is not recorded',
    recorded: async () => Promise.all([one.start('x'), two.start('y')]).then(() => gate()),
    body: async () => {
      const first = one.start('x');
      await first;
      return gate.start().result();
    },
    expected: Y,
    actual: /actual: +action "gate"/,
  },
  { change: 'an early end', body: async () => one('x'), expected: Y, actual: /actual: +the flow's end/ },
  { change: 'an end before everything', body: async () => 'at once', expected: X, actual: /actual: +the flow's end/ },
  {
    change: 'an early failure',
    body: async () => {
      await one('x');
      throw new Error('new code fails');
    },
    expected: Y,
    actual: /actual: +the flow's end/,
  },
  {
    change: 'another duration',
    recorded: async () => {
      await one('x');
      await sleep(1);
      return gate();
    },
    body: async () => {
      await one('x');
      await sleep(2);
      return gate();
    },
    expected: /expected: timer "sleep"/,
    actual: /actual: +timer "sleep"/,
  },
  {
    change: 'another input of an operation that was only started',
    recorded: async () => {
      await one('x');
      return sleep('1h');
    },
    body: async () => {
      await one('x');
      return sleep('2h');
    },
    expected: /expected: timer "sleep"/,
    actual: /actual: +timer "sleep"/,
  },
];

/** Waits until an event of the run says that it is blocked. */
async function blocked(generations: Generations, body: () => Promise<unknown>): Promise<string> {
  generations.code(body);
  await generations.open();
  await atRest(generations.engine);
  const { status, blockedCode, error } = await generations.engine.get(generations.runId);
  expect({ status, blockedCode }).toEqual({ status: 'BLOCKED', blockedCode: 'NON_DETERMINISM' });
  expect(error).toBeInstanceOf(NonDeterminismError);
  expect(error).toMatchObject({ code: 'NON_DETERMINISM' });
  return (error as Error).message;
}

test.each(CHANGES)(
  'a run blocks on $change, and shows what was expected and what is asked for',
  async ({ recorded, body, expected, actual }) => {
    const generations = new Generations();
    const journal = await generations.record(recorded ?? recordedBody);
    calls = [];
    const message = await blocked(generations, body);
    expect(message).toMatch(expected);
    expect(message).toMatch(actual);
    expect(message).toContain(`engine.retry(runId)`);
    expect(message).toContain(`"${generations.flow}" version 1, run ${generations.runId}`);
    expect(calls).toEqual([]);
    expect(journal.length).toBeGreaterThan(0);
  },
);

test.each(CHANGES)('a run that blocks on $change keeps its journal as it is', async ({ recorded, body }) => {
  const generations = new Generations();
  await generations.record(recorded ?? recordedBody);
  const before = await generations.journal();
  await blocked(generations, body);
  expect(await generations.journal()).toEqual(before);
});

test.each(CHANGES)('the future of a run that blocks on $change stays pending', async ({ recorded, body }) => {
  const generations = new Generations();
  await generations.record(recorded ?? recordedBody);
  await blocked(generations, body);
  let settled = false;
  const future = generations.engine.future(generations.runId);
  const watch = future.result().then(
    () => (settled = true),
    () => (settled = true),
  );
  await atRest(generations.engine);
  expect({ settled, done: future.done(), status: future.status }).toEqual({ settled: false, done: false, status: 'STARTED' });
  await generations.engine.close({ timeout: 0 });
  await watch;
});

test.each(CHANGES.filter(({ recorded }) => recorded === undefined))(
  'a run that has blocked on $change finishes after a retry under mended code, and repeats nothing',
  async ({ body }) => {
    const generations = new Generations();
    await generations.record(recordedBody);
    calls = [];
    await blocked(generations, body);
    open = true;
    const future = generations.engine.future(generations.runId);
    generations.code(recordedBody);
    await generations.engine.retry(generations.runId);
    expect(await future).toEqual(['x', 'y', 'through']);
    expect(calls).toEqual(['gate']);
    expect(await generations.engine.get(generations.runId)).toMatchObject({ status: 'SUCCEEDED', result: ['x', 'y', 'through'] });
  },
);

test.each(CHANGES)('a retry without mended code blocks again on $change', async ({ recorded, body }) => {
  const generations = new Generations();
  await generations.record(recorded ?? recordedBody);
  calls = [];
  const first = await blocked(generations, body);
  const again = nextEvent(generations.engine, 'run:blocked');
  await generations.engine.retry(generations.runId);
  expect(await again).toMatchObject({
    runId: generations.runId,
    flow: generations.flow,
    code: 'NON_DETERMINISM',
    error: { message: first },
  });
  expect(await generations.engine.get(generations.runId)).toMatchObject({ status: 'BLOCKED', blockedCode: 'NON_DETERMINISM' });
  expect(calls).toEqual([]);
});

test('an engine leaves a run blocked that an earlier one has blocked, until somebody retries it', async () => {
  const generations = new Generations();
  await generations.record(recordedBody);
  await blocked(generations, async () => two('y'));
  await generations.engine.close();
  open = true;
  await generations.reopen(recordedBody);
  await atRest(generations.engine);
  expect(await generations.engine.get(generations.runId)).toMatchObject({ status: 'BLOCKED' });
  await generations.engine.retry(generations.runId);
  expect(await generations.engine.future(generations.runId)).toEqual(['x', 'y', 'through']);
});

test('code that catches everything and cleans up does not notice that its run is blocked', async () => {
  const generations = new Generations();
  await generations.record(recordedBody);
  calls = [];
  const noticed: string[] = [];
  const catching = async (): Promise<string> => {
    try {
      await one('z');
      noticed.push('went on');
    } catch {
      noticed.push('caught');
    } finally {
      noticed.push('finally');
      await two('y');
    }
    return 'swallowed';
  };
  await blocked(generations, catching);
  expect(noticed).toEqual([]);
  expect(calls).toEqual([]);
});

/** Ways of waiting for an operation that differs from what is recorded. */
const WAYS: readonly { readonly way: string; wait(): Promise<unknown> }[] = [
  { way: 'result() with a time-out', wait: () => one.start('z').result({ timeout: 1 }) },
  { way: 'exception()', wait: () => one.start('z').exception() },
  { way: 'wait', wait: () => wait([one.start('z'), two.start('y')], FIRST_COMPLETED) },
  { way: 'wait with a time-out', wait: () => wait([one.start('z')], { timeout: 1 }) },
  { way: 'Promise.allSettled', wait: () => Promise.allSettled([one.start('z'), two.start('y')]) },
  { way: 'Promise.any', wait: () => Promise.any([one.start('z'), two.start('y')]) },
  {
    way: 'asCompleted',
    wait: async () => {
      for await (const future of asCompleted([one.start('z'), two.start('y')])) return future.id;
      return 'none';
    },
  },
];

test.each(WAYS)('nothing comes of $way in a blocked run', async ({ wait: waiting }) => {
  const generations = new Generations();
  await generations.record(recordedBody);
  calls = [];
  let settled = false;
  await blocked(generations, async () => {
    await waiting().finally(() => (settled = true));
    return 'done';
  });
  expect(settled).toBe(false);
  expect(calls).toEqual([]);
});

test('code of a blocked run that cancels what it has started starts nothing else', async () => {
  const generations = new Generations();
  await generations.record(recordedBody);
  calls = [];
  await blocked(generations, async () => {
    const first = one.start('z');
    first.cancel();
    await first.exception();
    return two('y');
  });
  expect(calls).toEqual([]);
});

test('a closure that goes on beside the one that blocks executes nothing', async () => {
  const generations = new Generations();
  await generations.record(async () => Promise.all([one('x').then(() => two('deep')), two('y'), gate()]));
  calls = [];
  open = true;
  await blocked(generations, async () =>
    Promise.all([one('x').then(() => failing()), two('y').then(() => one('more')), gate().then(() => one('yet more'))]).then(() => 'done'),
  );
  expect(calls).toEqual([]);
});

test('a flow may ask for more than is recorded once all of that has been delivered', async () => {
  const generations = new Generations();
  await generations.record(recordedBody);
  calls = [];
  open = true;
  await generations.reopen(async () => [...(await recordedBody()), await one('more'), await childFlow('child')]);
  expect(await generations.engine.future(generations.runId)).toEqual(['x', 'y', 'through', 'more', 'child']);
  expect(calls).toEqual(['gate', 'one more']);
});

test('a flow may start more beside what is recorded, under later ordinals', async () => {
  const generations = new Generations();
  await generations.record(async () => one('x').then(() => gate()));
  calls = [];
  open = true;
  await generations.reopen(async () => {
    await one('x');
    return Promise.all([gate(), one('more'), two('even more')]);
  });
  expect(await generations.engine.future(generations.runId)).toEqual(['through', 'more', 'even more']);
  expect(calls).toEqual(['gate', 'one more', 'two even more']);
});

test('a flow need not ask again for what was started and has no outcome', async () => {
  const generations = new Generations();
  await generations.record(recordedBody);
  calls = [];
  await generations.reopen(async () => [await one('x'), await two('y')]);
  expect(await generations.engine.future(generations.runId)).toEqual(['x', 'y']);
  expect(calls).toEqual([]);
});

test('of several differences the first one is reported', async () => {
  const generations = new Generations();
  await generations.record(recordedBody);
  const message = await blocked(generations, async () => Promise.all([one('z'), one('y'), one('w')]));
  expect(message).toMatch(/as operation 0\./);
});

test('a parent waits while its child is blocked, and both finish once the child is retried', async () => {
  const generations = new Generations();
  const childName = `${generations.flow}-child`;
  const childCode = (body: () => Promise<unknown>): (() => Promise<unknown>) => flow(childName, body, { replace: true });
  const child = childCode(async () => [await one('x'), await gate()]);
  const parent = async (): Promise<unknown> => [await child(), await two('y')];
  await generations.record(parent);
  calls = [];
  childCode(async () => two('x'));
  await generations.reopen(parent);
  await atRest(generations.engine);
  expect(await generations.engine.get(`${generations.runId}//0`)).toMatchObject({ status: 'BLOCKED', blockedCode: 'NON_DETERMINISM' });
  expect(await generations.engine.get(generations.runId)).toMatchObject({ status: 'RUNNING' });
  open = true;
  childCode(async () => [await one('x'), await gate()]);
  await generations.engine.retry(`${generations.runId}//0`);
  expect(await generations.engine.future(generations.runId)).toEqual([['x', 'through'], 'y']);
  expect(calls).toEqual(['gate', 'two y']);
});

test('only a blocked run can be retried', async () => {
  const generations = new Generations();
  await generations.record(recordedBody);
  await generations.reopen(recordedBody);
  await expect(generations.engine.retry(generations.runId)).rejects.toMatchObject({ name: 'UsageError', code: 'RUN_NOT_BLOCKED' });
  await expect(generations.engine.retry('unknown')).rejects.toMatchObject({ name: 'UsageError', code: 'RUN_NOT_FOUND' });
});

test('a run has stopped replaying once an outcome of this process is delivered, though its code no longer asks for all that was started', async () => {
  const generations = new Generations();
  await generations.record(async () => one('x').then(() => Promise.all([gate(), gate()])));
  open = true;
  await generations.reopen(async () => {
    await one('x');
    const before = flowContext().replaying;
    await gate();
    return { before, after: flowContext().replaying };
  });
  expect(await generations.engine.future(generations.runId)).toEqual({ before: true, after: false });
});
