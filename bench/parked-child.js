// `park`: starts `count` runs that sleep, says what they cost once nothing changes any more, and waits to be killed.
// `wake`: says when the engine is open, when one run has gone on to its end, and what the heap holds then. Run with --expose-gc.
const [module, path, count, part] = process.argv.slice(2);
const { event, flow, open, sleep } = await import(module);

const sleeper = flow('parked-sleeper', async (n) => {
  await sleep('30d');
  return n;
});
const waiter = flow('parked-waiter', async () => event('go'));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const say = (values) => console.log(JSON.stringify(values));

const engine = await open({ store: path });
if (part === 'park') await park();
else await wake();
await pause(600_000);

async function park() {
  await waiter.with({ id: 'waiter' }).start().recorded();
  // So that what is compiled and allocated once is not counted as a part of the runs.
  await startSleepers(100);
  await settled();
  const before = process.memoryUsage();
  const startMs = await elapsed(() => startSleepers(Number(count)));
  const settleMs = await elapsed(settled);
  const after = process.memoryUsage();
  say({ heapBytes: after.heapUsed - before.heapUsed, rssBytes: after.rss - before.rss, startMs, settleMs });
}

async function wake() {
  say({});
  await engine.send('waiter', 'go', 'now');
  await engine.future('waiter');
  say({});
  await settled();
  say({ heapBytes: process.memoryUsage().heapUsed });
}

async function startSleepers(number) {
  for (let n = 0; n < number; n += 1) await sleeper.start(n).recorded();
}

// Until the heap has stayed the same three times, or for half a minute.
async function settled() {
  let last = Number.POSITIVE_INFINITY;
  let same = 0;
  for (let tries = 0; same < 3 && tries < 300; tries += 1) {
    await pause(100);
    gc();
    const { heapUsed } = process.memoryUsage();
    same = Math.abs(heapUsed - last) < 20_000 ? same + 1 : 0;
    last = heapUsed;
  }
}

async function elapsed(work) {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}
