// Plays runs on one file after the other while calls of the operating system fail, as it is told line by line, and tells what came of each. Preload the
// shim of failing-io.c; give it the path with which the files' paths begin, and the file that steers the shim.
import { openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { action, actionContext, type Engine, event, flow, type Logger, open, sleep } from 'perdure';

/** What is to fail: calls of these kinds (a sum of the shim's numbers), from the first on so many. */
export interface Fault {
  readonly kinds: number;
  readonly first: number;
  readonly length: number;
  readonly errno: number;
  /** Counts from when the engine is open. */
  readonly whenOpen?: boolean;
}

/** What came of one file. */
export interface Round {
  readonly store: string;
  /** Calls that could have failed. */
  readonly seen: number;
  /** What the engine said. */
  readonly said: readonly string[];
  /** What is wrong. */
  readonly wrong: readonly string[];
  /** How many runs had an end that was told of while calls failed. */
  readonly acknowledged: number;
  /** Whether the engine ended. */
  readonly ended: boolean;
}

const [prefix, steering] = process.argv.slice(2) as [string, string];
const control = openSync(steering, 'r+');

function arm({ kinds, first, length, errno }: Fault): void {
  writeSync(control, Buffer.from(new Int32Array([0, first, length, errno, 0]).buffer), 0, 20, 0);
  writeSync(control, Buffer.from(new Int32Array([kinds]).buffer), 0, 4, 0);
}

function disarm(): number {
  writeSync(control, Buffer.alloc(4), 0, 4, 0);
  const seen = Buffer.alloc(4);
  readSync(control, seen, 0, 4, 16);
  return seen.readInt32LE();
}

/** Actions whose outcome was told of as durable, and those that were begun again all the same. */
const closed = new Set<string>();
const repeated: string[] = [];

const step = action('step', async (name: string) => {
  const { runId, operationId } = actionContext();
  if (closed.has(`${runId} ${operationId}`)) repeated.push(`${runId} ${operationId}`);
  return name;
});
const child = flow('child', async (name: string) => {
  await sleep(2);
  return step(name);
});
const main = flow('main', async (name: string) => {
  const kid = child.start(`${name}'s child`);
  const first = await step(`${name} 1`);
  const news = await event<string>('news');
  return [first, news, await step(`${name} 2`), await kid];
});

const RUNS = ['a', 'b', 'c'];
const resultOf = (name: string): unknown[] => [`${name} 1`, 'news', `${name} 2`, `${name}'s child`];

const isOfStore = (error: unknown): boolean => /^(STORE|FENCED|SQLITE)/.test((error as { code?: string } | undefined)?.code ?? '');

/** Makes a call again until the store lets it through: what a caller does. */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (!isOfStore(error) || tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

async function play(number: number, fault: Fault): Promise<Round> {
  const store = `${prefix}${number}.db`;
  const said: string[] = [];
  const wrong: string[] = [];
  closed.clear();
  repeated.length = 0;
  const say = (message: string): void => void said.push(message);
  const logger: Logger = { debug: () => {}, info: () => {}, warn: say, error: say };
  const opened = async (): Promise<Engine> => {
    const engine = await open({ store, default: false, logger });
    engine.on('operation:finished', ({ runId, operationId, kind }) => {
      if (kind === 'action') closed.add(`${runId} ${operationId}`);
    });
    return engine;
  };

  if (fault.whenOpen !== true) arm(fault);
  const engine = await insist(opened);
  if (fault.whenOpen === true) arm(fault);
  let ended = false;
  engine.on('engine:failed', () => {
    ended = true;
  });
  const acknowledged = new Map<string, unknown>();
  const playOne = async (name: string): Promise<void> => {
    const future = engine.start(main, [name], { id: name });
    await future.recorded();
    const sent = insist(() => engine.send(name, 'news', 'news'));
    // The end of the run says more.
    await sent.catch((error: unknown) => (isOfStore(error) ? undefined : Promise.reject(error)));
    acknowledged.set(name, await future.result());
  };
  for (const error of await Promise.allSettled(RUNS.map(playOne))) {
    if (error.status === 'rejected' && !(ended && isOfStore(error.reason))) wrong.push(`a run failed: ${error.reason}`);
  }
  if (!ended) await insist(() => engine.list()).catch((error: unknown) => wrong.push(`the list failed: ${error}`));
  await engine.close().catch((error: unknown) => {
    if (!isOfStore(error)) wrong.push(`closing failed: ${error}`);
  });
  const seen = disarm();

  const after = await opened();
  for (const [name, result] of acknowledged) {
    const { status, result: stored } = await after.get(name);
    if (status !== 'SUCCEEDED' || JSON.stringify(stored) !== JSON.stringify(result)) wrong.push(`${name} is ${status}: ${stored}`);
  }
  for (const name of RUNS) {
    const future = after.start(main, [name], { id: name });
    await future.recorded();
    if (!acknowledged.has(name)) await after.send(name, 'news', 'news').catch(() => undefined);
    const result = await future.result();
    if (JSON.stringify(result) !== JSON.stringify(resultOf(name))) wrong.push(`${name} came to ${JSON.stringify(result)}`);
  }
  await after.close();
  if (repeated.length > 0) wrong.push(`done again: ${repeated}`);
  const left = readdirSync(dirname(store)).filter((name) => name.startsWith(`${basename(store)}-worker-`));
  if (left.length > 1) wrong.push(`locks were left behind: ${left}`);
  return { store, seen, said, wrong, acknowledged: acknowledged.size, ended };
}

process.on('unhandledRejection', (error) => {
  console.log(JSON.stringify({ wrong: [`unhandled: ${error}`] }));
  process.exit(1);
});

let number = 0;
for await (const line of createInterface(process.stdin)) {
  number += 1;
  console.log(JSON.stringify(await play(number, JSON.parse(line) as Fault)));
}
