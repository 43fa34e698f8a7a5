// Values with promises in them that reject, at once or later: each is refused, and none of these rejections may end the process.
import { action, actionContext, callback, continueAsNew, event, flow, map, memoryStore, open, parallel } from 'perdure';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const engine = await open({ store: memoryStore(), logger: quiet, leaks: 'ignore' });

const soon = (): Promise<never> => Promise.reject(new Error('rejected at once'));
const later = (): Promise<never> => new Promise((_, reject) => setTimeout(() => reject(new Error('rejected later')), 20));
class Holder {
  readonly promise: Promise<never>;
  constructor(promise: Promise<never>) {
    this.promise = promise;
  }
}
class Own<T> extends Promise<T> {}

const shapes: Record<string, (promise: Promise<never>) => unknown> = {
  object: (promise) => ({ promise }),
  nested: (promise) => ({ a: [{ b: { promise } }] }),
  array: (promise) => [1, promise],
  'second of two': (promise) => ({ first: () => {}, second: promise }),
  'map value': (promise) => new Map([['key', promise]]),
  'map key': (promise) => new Map([[promise, 'value']]),
  set: (promise) => new Set([promise]),
  instance: (promise) => new Holder(promise),
  symbol: (promise) => ({ [Symbol('key')]: promise }),
  cycle: (promise) => {
    const cycle: Record<string, unknown> = { promise };
    cycle['self'] = cycle;
    return cycle;
  },
  'own class': (promise) => [Own.resolve(1).then(() => promise)],
  'cause of an error': (promise) => new Error('told', { cause: promise }),
  'field of an error': (promise) => Object.assign(new Error('told'), { promise }),
  'inner error': (promise) => new AggregateError([promise, new Error('other')], 'told'),
};
const values = Object.entries(shapes).flatMap(([shape, make]) => [
  [shape, () => make(soon())] as const,
  [`${shape}, later`, () => make(later())] as const,
]);

/** The codes of what the calls fail with, each once. */
async function codesOf(calls: readonly (() => unknown)[]): Promise<string[]> {
  const codes = new Set<string>();
  for (const call of calls) {
    try {
      codes.add(`no failure: ${JSON.stringify(await call())}`);
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      codes.add(code ?? message);
    }
  }
  return [...codes];
}

let names = 0;
const run = (body: () => unknown): Promise<unknown> =>
  engine
    .start(
      flow(`flow-${names++}`, async () => body()),
      [],
    )
    .result();
const echo = action('echo', async (value: unknown) => value);

const errors = ['cause of an error', 'field of an error', 'inner error'];
const refused = values.filter(([shape]) => !errors.some((each) => shape.startsWith(each)));
const told: Record<string, unknown> = {};

told['result of an action'] = await codesOf(
  refused.map(
    ([, make]) =>
      () =>
        run(() => action(`result-${names++}`, async () => make())()),
  ),
);
told['error of an action'] = await codesOf(
  values.map(
    ([, make]) =>
      () =>
        run(() => action(`error-${names++}`, async () => Promise.reject(Object.assign(new Error('told'), { made: make() })))()),
  ),
);
told['thrown by an action'] = await codesOf(
  values.slice(0, 4).map(
    ([, make]) =>
      () =>
        run(() => action(`thrown-${names++}`, async () => Promise.reject(make()))().catch((error) => typeof error)),
  ),
);
told['result of a flow'] = await codesOf(
  refused.map(
    ([, make]) =>
      () =>
        run(make),
  ),
);
told['result of a branch'] = await codesOf(
  refused.map(
    ([, make]) =>
      () =>
        run(async () => (await parallel([async () => make()])).throwIfError()),
  ),
);
told['items of a map'] = await codesOf(
  refused.map(
    ([, make]) =>
      () =>
        run(() => map([make()], async () => 1)),
  ),
);
told['arguments in a flow'] = await codesOf(
  refused.map(
    ([, make]) =>
      () =>
        run(() => echo(make())),
  ),
);
told['arguments of a run'] = await codesOf(
  refused.map(
    ([, make]) =>
      () =>
        engine.start(
          flow(`args-${names++}`, async (_value: unknown) => 1),
          [make()],
        ),
  ),
);
told['arguments of the next generation'] = await codesOf(
  refused.map(
    ([, make]) =>
      () =>
        run(() => continueAsNew(make())),
  ),
);
told['detail of a heartbeat'] = await codesOf(
  refused.map(
    ([, make]) =>
      () =>
        run(() => action(`beats-${names++}`, async () => actionContext().heartbeat(make()))()),
  ),
);
const waiting = engine.start(
  flow('waiting', async () => event('go')),
  [],
);
await waiting.recorded();
told['value of an event'] = await codesOf(
  refused.map(
    ([, make]) =>
      () =>
        engine.send(waiting.id, 'go', make()),
  ),
);
let token = '';
const answered = engine.start(
  flow('answered', async () => {
    const { token: given, future } = callback();
    token = given;
    return future;
  }),
  [],
);
await answered.recorded();
await new Promise((resolve) => setTimeout(resolve, 50));
told['value of a callback'] = await codesOf(
  refused.map(
    ([, make]) =>
      () =>
        engine.complete(token, make()),
  ),
);
told['error of a callback'] = [
  await engine
    .fail(token, new Error('told', { cause: soon() }))
    .then(() => answered.exception())
    .then(String),
];

// An attempt that was given up comes to its end later.
const late = action(
  'late',
  async () => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    return { promise: soon() };
  },
  { timeout: 5 },
);
told['result that comes too late'] = await codesOf([() => run(late)]);

await new Promise((resolve) => setTimeout(resolve, 100));
await engine.close({ timeout: 0 });
console.log(JSON.stringify(told));
