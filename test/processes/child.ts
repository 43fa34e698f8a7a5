import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  action,
  actionContext,
  type CallbackOptions,
  callback,
  type DurableFuture,
  type Engine,
  event,
  flow,
  flowContext,
  map,
  open,
  parallel,
  sleep,
} from 'perdure';
import { writeLine } from './write-line.js';

/**
 * A process of its own with an engine, as told by its parent over standard input; it answers, and tells what happens, on standard output.
 * Arguments: the store's file, the file that actions note themselves in, and the options as JSON.
 */
interface Options {
  readonly leaseMs?: number;
  /** The flows it registers; all when left out. */
  readonly flows?: readonly string[];
  readonly maxResidentRuns?: number;
  /** Whether its gates let through at once. */
  readonly gateOpen?: boolean;
}

/** What a parent asks for. */
export interface Task {
  readonly number: number;
  readonly what:
    | 'start'
    | 'result'
    | 'cancel'
    | 'get'
    | 'release'
    | 'retry'
    | 'close'
    | 'flows'
    | 'send'
    | 'complete'
    | 'fail'
    | 'heartbeat';
  readonly flow?: string;
  readonly args?: readonly unknown[];
  readonly runId?: string;
}

const [, , path = '', ledger = '', json = '{}'] = process.argv;
const options = JSON.parse(json) as Options;
const begun = new Map<string, () => void>();
let gateOpen = options.gateOpen === true;

function tell(line: object): void {
  writeLine(JSON.stringify(line));
}

function note(what: string): void {
  const { runId, operationId } = actionContext();
  appendFileSync(ledger, `${runId} ${operationId} ${what} ${process.pid}\n`);
  tell({ action: what, runId });
}

const step = action('step', async (what: string) => {
  note(what);
  return `${what} in ${process.pid}`;
});

const gate = action('gate', async (what: string) => {
  note(what);
  if (!gateOpen) await new Promise<void>((resolve) => begun.set(actionContext().runId, resolve));
  return `${what} in ${process.pid}`;
});

const giveOut = action('giveOut', async (token: string) => tell({ event: 'token', token, runId: actionContext().runId }));

const FLOWS: Record<string, () => unknown> = {
  quick: () => flow('quick', async (what: string) => step(what)),
  gated: () =>
    flow('gated', async (what: string) => [await step(`before ${what}`), await gate(`gate ${what}`), await step(`after ${what}`)]),
  forked: () =>
    flow('forked', async (what: string) => {
      const futures = ['a', 'b', 'c'].map((name) => step.start(`${what}${name}`));
      const first = await Promise.race(futures);
      await Promise.all(futures);
      return [first.slice(0, what.length + 1), (await step('last')).slice(0, 4)];
    }),
  waiting: () =>
    flow('waiting', async (count: number) => {
      await step('asked');
      const got: unknown[] = [];
      while (got.length < count) {
        got.push(await event('n'));
        tell({ got: got.at(-1), runId: flowContext().runId });
      }
      return got;
    }),
  approved: () =>
    flow('approved', async (options: CallbackOptions) => {
      const { token, future } = callback(options);
      await giveOut(token);
      return future;
    }),
  dozing: () =>
    flow('dozing', async (ms: number) => {
      await step('before');
      await sleep(ms);
      return step('after');
    }),
  batched: () =>
    flow('batched', async (what: string) => {
      const result = await parallel([
        () => step(`first ${what}`),
        async () => [await step(`before ${what}`), await gate(`gate ${what}`), await step(`after ${what}`)],
        async () => (await map(['x', 'y', 'z'], (item) => step(`${item} ${what}`), { maxConcurrency: 1 })).getResults(),
      ]);
      return [result.completionReason, ...result.getResults()];
    }),
};
type Named = (what: string) => Promise<unknown>;
const flows = new Map<string, Named>();

function register(names: readonly string[]): void {
  for (const name of names) {
    if (name === 'parent') {
      flows.set(
        name,
        flow('parent', async (what: string) => [await step(`parent ${what}`), await flows.get('gated')?.(what)]),
      );
    } else if (name === 'waiting parent') {
      flows.set(
        name,
        flow('waiting parent', async (count: number) => {
          const got = await (flows.get('waiting') as (count: unknown) => Promise<unknown>)(count);
          return [got, await step('heard')];
        }) as unknown as Named,
      );
    } else flows.set(name, FLOWS[name]?.() as Named);
  }
}
register(options.flows ?? [...Object.keys(FLOWS), 'parent', 'waiting parent']);

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: (message: string) => tell({ logged: message }) };
const { leaseMs, maxResidentRuns } = options;
const engine: Engine = await open({
  store: path,
  logger: silent,
  leaks: 'ignore',
  ...(leaseMs && { leaseMs }),
  ...(maxResidentRuns && { maxResidentRuns }),
});
engine.on('engine:fenced', () => tell({ event: 'fenced' }));
// Told when the branch is durable.
engine.on('operation:finished', ({ kind, operationId, runId }) => kind === 'branch' && tell({ branch: operationId, runId }));
engine.on('run:finished', ({ runId, status }) => tell({ event: 'finished', runId, status }));
engine.on('run:started', ({ runId, recovered }) => tell({ event: 'started', runId, recovered }));

/** The futures that were asked for, so that they are pending when something happens. */
const futures = new Map<string, DurableFuture<unknown>>();

async function perform({ what, flow: name = '', args = [], runId = '' }: Task): Promise<unknown> {
  switch (what) {
    case 'start': {
      const future = engine.start(flows.get(name) as (...args: unknown[]) => Promise<unknown>, [...args], { id: runId });
      futures.set(runId, future);
      return future.recorded();
    }
    case 'result':
      return futures.get(runId) ?? engine.future(runId);
    case 'cancel':
      return engine.cancel(runId, 'from elsewhere');
    case 'get': {
      const { status, blockedCode } = await engine.get(runId);
      return { status, blockedCode };
    }
    case 'send':
      return engine.send(runId, args[0] as string, args[1]);
    case 'complete':
      return engine.complete(args[0] as string, args[1]);
    case 'fail':
      return engine.fail(args[0] as string, new RangeError(args[1] as string));
    case 'heartbeat':
      return engine.heartbeat(args[0] as string);
    case 'retry':
      return engine.retry(runId);
    case 'release':
      gateOpen = true;
      for (const let_through of begun.values()) let_through();
      return undefined;
    case 'flows':
      return register(args as string[]);
    case 'close':
      return engine.close({ timeout: 0 });
  }
}

createInterface(process.stdin).on('line', (line) => {
  const task = JSON.parse(line) as Task;
  perform(task).then(
    (value) => tell({ answer: task.number, value }),
    (error: Error & { code?: string }) =>
      tell({ answer: task.number, failed: { name: error.name, code: error.code, message: error.message } }),
  );
});
tell({ event: 'ready' });
