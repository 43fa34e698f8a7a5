// One load, and what waits beside it. `prepare`: leaves the load for the next process, and says when it may be killed. `measure`: says milliseconds, of the
// load, of the longest wait of a small run beside it, and of the longest standstill of the event loop. Small runs are started some time after each other.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const [module, path, load, part, given] = process.argv.slice(2);
const count = Number(given);
const { action, event, flow, map, open } = await import(module);

const say = (values) => console.log(JSON.stringify(values));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const numbers = (n) => Array.from({ length: n }, (_, index) => index);
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const openEngine = (options) => open({ store: path, logger: silent, ...options });
const hang = () => new Promise((resolve) => setTimeout(resolve, 600_000));

const step = action('smooth-step', async (n) => n);
const small = flow('smooth-small', async () => step(0));

// Never ends in the first process.
const gate = action('smooth-gate', async () => {
  if (part === 'prepare') await hang();
});
let reached = () => {};
const mark = action('smooth-mark', async () => {
  reached();
  if (part === 'prepare') await hang();
});

const wide = flow('smooth-wide', async (n) => (await map(numbers(n), step)).successCount);
const gated = flow('smooth-gated', async () => gate());
const ended = flow('smooth-ended', async (n) => {
  const { successCount } = await map(numbers(n), step);
  await mark();
  return successCount;
});
const begun = flow('smooth-begun', async (n) => {
  const { successCount } = await map(numbers(n), async (index) => {
    await step(index);
    if (index >= n / 2) await (index === n - 1 ? mark() : gate());
  });
  return successCount;
});
const events = flow('smooth-events', async (n) => {
  let sum = 0;
  for (let index = 0; index < n; index += 1) sum += await event('smooth-event');
  return sum;
});
const operations = flow('smooth-operations', async (n) => {
  await Promise.all(numbers(n).map((index) => step.start(index)));
  await mark();
});

/** Follows so many runs, some at a time: what this program does at once is not to be measured. */
const allOf = async (engine, idOf) => {
  const ends = [];
  for (let n = 0; n < count; n += 1) {
    ends.push(engine.future(idOf(n)));
    if (n % 256 === 255) await pause(0);
  }
  await Promise.all(ends);
};

/** What is left behind for the next process, and what is measured. */
const LOADS = {
  map: { measure: () => begins(async () => require(await wide(count), count)) },
  runs: {
    prepare: async () => {
      const engine = await openEngine({ maxResidentRuns: count + 1 });
      await Promise.all(numbers(count).map((n) => engine.start(gated, [], { id: `gated-${n}` }).recorded()));
    },
    measure: () => recovers((engine) => allOf(engine, (n) => `gated-${n}`)),
  },
  ended: { prepare: () => untilMarked(ended), measure: () => recovers(async (engine) => require(await engine.future('big'), count)) },
  begun: { prepare: () => untilMarked(begun), measure: () => recovers(async (engine) => require(await engine.future('big'), count)) },
  events: {
    prepare: async () => {
      const engine = await openEngine();
      await engine.start(events, [count], { id: 'big' }).recorded();
      await pause(200);
    },
    measure: () => recovers(async (engine) => require(await engine.future('big'), (count * (count - 1)) / 2)),
  },
  operations: { prepare: () => untilMarked(operations), measure: () => asks((engine) => engine.operations('big')) },
  one: {
    measure: async () => {
      const engine = await openEngine();
      await small();
      await engine.close();
      say({});
    },
  },
  list: { measure: () => asks((engine) => engine.list({ limit: 100 })) },
  check: { measure: () => asks((engine) => engine.check(small)) },
  prune: { measure: () => asks((engine) => engine.prune({ count: Math.ceil(count / 2) })) },
};

await LOADS[load][part]();
if (part === 'prepare') {
  say({});
  await hang();
}

/** Begins a flow that parks, and waits until it does and what it has done is durable. */
async function untilMarked(main) {
  const marked = new Promise((resolve) => {
    reached = resolve;
  });
  await openEngine();
  void main.with({ id: 'big' }).start(count);
  await marked;
  await pause(200);
}

/** A load that begins in an engine in which others have run. */
async function begins(work) {
  const engine = await openEngine();
  await wide(1_000);
  for (let n = 0; n < 20; n += 1) await small();
  say(await beside(() => work(engine)));
  await engine.close();
}

/** A load that `open()` takes over. */
async function recovers(work) {
  const standstillMs = watchLoop();
  const began = performance.now();
  const engine = await openEngine();
  const openMs = performance.now() - began;
  const values = await beside(() => work(engine), began);
  say({ ...values, openMs, standstillMs: standstillMs() });
  await engine.close();
}

/** A question to a store in which much lies. */
async function asks(ask) {
  const engine = await openEngine({ execute: false });
  await pause(100);
  const standstillMs = watchLoop();
  await pause(10);
  const began = performance.now();
  await ask(engine);
  say({ loadMs: performance.now() - began, standstillMs: standstillMs() });
  await engine.close();
}

/** Small runs, one after the other, until the load is done. */
async function beside(work, began = performance.now()) {
  const standstillMs = watchLoop();
  let loadMs;
  const done = work().then(() => {
    loadMs = performance.now() - began;
  });
  let waitMs = 0;
  while (loadMs === undefined) {
    const start = performance.now();
    await small();
    waitMs = Math.max(waitMs, performance.now() - start);
    await pause(20);
  }
  await done;
  return { loadMs, waitMs, standstillMs: standstillMs() };
}

/** Returns what tells how long the event loop stood still at most since. */
function watchLoop() {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  return () => {
    delay.disable();
    return delay.max / 1e6;
  };
}

function require(value, expected) {
  if (value !== expected) throw new Error(`${load} came to ${value}, and not to ${expected}`);
}
