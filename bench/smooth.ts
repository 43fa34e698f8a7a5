import { batchCost } from './batches.js';
import { type Figure, medianBy } from './measure.js';
import { NodeProcess, type Said } from './node-process.js';
import { roundsOf, type Setting, SQLITE, scaled } from './section.js';
import { multiplyRuns, queueMessages } from './smooth-fixtures.js';

/** What the program says, all in milliseconds, and how it is called here. */
const WHAT = {
  loadMs: 'until it is done',
  openMs: 'until open() is back',
  waitMs: 'longest wait of a small run beside it',
  standstillMs: 'longest standstill of the loop',
} as const;

/** What each may take at most. */
type Targets = Partial<Readonly<Record<keyof typeof WHAT, number>>>;

interface Load {
  /** As the program knows it. */
  readonly name: string;
  /** As it is called here, after how many there are. */
  readonly what: string;
  readonly full: number;
  /** Whether a process before begins it, and is killed. */
  readonly killed: boolean;
  readonly targets: Targets;
}

const LOADS: readonly Load[] = [
  { name: 'map', what: 'branches at once', full: 30_000, killed: false, targets: { waitMs: 50, standstillMs: 20 } },
  { name: 'runs', what: 'runs to recover', full: 30_000, killed: true, targets: { openMs: 300, waitMs: 100, standstillMs: 20 } },
  {
    name: 'ended',
    what: 'branches to recover, ended',
    full: 50_000,
    killed: true,
    targets: { loadMs: 1_500, waitMs: 50, standstillMs: 20 },
  },
  {
    name: 'begun',
    what: 'branches to recover, half ended',
    full: 50_000,
    killed: true,
    targets: { loadMs: 1_500, waitMs: 50, standstillMs: 20 },
  },
  {
    name: 'events',
    what: 'queued messages of one run',
    full: 20_000,
    killed: true,
    targets: { loadMs: 1_000, waitMs: 50, standstillMs: 20 },
  },
  { name: 'operations', what: 'operations, told by operations()', full: 100_000, killed: true, targets: { standstillMs: 20 } },
];

/** Nobody waits behind somebody big: how small runs fare beside big loads, and how long the event loop stands still. */
export async function* smooth(setting: Setting): AsyncGenerator<Figure> {
  for (const { name, what, full, killed, targets } of LOADS) {
    const path = setting.file();
    const count = scaled(full, setting);
    if (killed) await prepare(path, name, count, setting);
    if (name === 'events') queueMessages(path, 'big', 'smooth-event', count);
    yield* figuresOf(await measure(path, name, count, setting), `${count} ${what}`, targets);
  }
  yield* await costOfBatches(setting);
}

/** What a batch costs beside the same actions as futures, and the memory that a large one takes. */
async function* costOfBatches(setting: Setting): AsyncGenerator<Figure> {
  const count = scaled(30_000, setting);
  const rounds: Record<'parallel' | 'map', number[]> = { parallel: [], map: [] };
  for (let round = 0; round < roundsOf(setting); round += 1) {
    const futures = await batchCost(SQLITE, setting, 'futures', count);
    for (const way of ['parallel', 'map'] as const) {
      rounds[way].push((await batchCost(SQLITE, setting, way, count)).elapsedMs / futures.elapsedMs);
    }
  }
  for (const [way, ratios] of Object.entries(rounds)) {
    yield targeted(
      `${way} of ${count} actions beside futures`,
      medianBy(ratios, (ratio) => ratio),
      'times',
      1.35,
    );
  }
  const large = scaled(100_000, setting);
  const { peakMiB } = await batchCost(SQLITE, setting, 'map', large);
  yield targeted(`map of ${large} actions: peak memory`, peakMiB, 'MiB', 350);
}

const LOOKS = { list: 'list() of the newest 100', check: 'check() of a flow', prune: 'prune() of half of them' };

/** How long the event loop stands still when a store is asked in which a million runs lie. */
export async function* smoothLooks(setting: Setting): AsyncGenerator<Figure> {
  const path = setting.file();
  const count = scaled(1_000_000, setting);
  await measure(path, 'one', 1, setting);
  multiplyRuns(path, count);
  for (const [name, what] of Object.entries(LOOKS)) {
    yield* figuresOf(await measure(path, name, count, setting), `${what}, ${count} runs`, { standstillMs: 20 });
  }
}

async function prepare(path: string, name: string, count: number, setting: Setting): Promise<void> {
  const child = NodeProcess.program('smooth-child.js', [path, name, 'prepare', count], setting);
  await child.said();
  await child.kill();
}

async function measure(path: string, name: string, count: number, setting: Setting): Promise<Said['values']> {
  const child = NodeProcess.program('smooth-child.js', [path, name, 'measure', count], setting);
  const { values } = await child.said();
  await child.ended();
  return values;
}

function* figuresOf(said: Said['values'], load: string, targets: Targets): Generator<Figure> {
  for (const [key, what] of Object.entries(WHAT)) {
    const value = said[key];
    if (value !== undefined) yield targeted(`${load}: ${what}`, value, 'ms', targets[key as keyof typeof WHAT]);
  }
}

/** A figure as a multiple of what it may be at most. */
function targeted(workload: string, value: number, unit: string, target?: number): Figure {
  const figure = { workload, subject: SQLITE.name, value, unit };
  return target === undefined ? figure : { ...figure, ratio: { value: value / target, to: `target of ${target} ${unit}` } };
}
