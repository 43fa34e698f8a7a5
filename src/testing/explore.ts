import { AssertionError } from 'node:assert';
import { hash } from 'node:crypto';
import { otherEnd } from '../engine/replay-problem.js';
import { requireStart } from '../engine/startables.js';
import { refuseMore } from '../options/extra-arguments.js';
import { isFunction, isPositiveInteger, type OptionTable, readOptions } from '../options/read-options.js';
import { memoryStore } from '../store/memory-store.js';
import { asError, brokenBy, type Invariant } from './invariant.js';
import { reportEnd } from './report-end.js';
import { readTestEngineOptions, TEST_ENGINE_OPTION, type TestEngine, type TestEngineOptions, testEngine } from './test-engine.js';

/** Options of `explore`. */
export interface ExploreOptions<R> {
  /** The same seed gives the same orders. Default: one that is drawn, and told when an order fails. */
  readonly seed?: number;
  /** How many orders to try. Default 100. */
  readonly runs?: number;
  /** What must hold however the run went: it throws, or returns `false`, when that is not so. Default: that all orders come to the same end. */
  readonly invariant?: Invariant<R>;
  /** Prepares each engine: its mocks, for one. */
  readonly setup?: (engine: TestEngine) => void;
  /** How the engines are made. */
  readonly engine?: Omit<TestEngineOptions, 'store' | 'autoAdvance'>;
}

/** What `explore` has done. */
export interface ExploreReport {
  readonly seed: number;
  readonly runs: number;
  /** How many of the orders were different. */
  readonly orders: number;
}

const TABLE: OptionTable = {
  seed: [Number.isFinite, 'a number'],
  runs: [isPositiveInteger, 'a whole number above 0'],
  invariant: [isFunction, 'a function of the report'],
  setup: [isFunction, 'a function of the engine'],
  engine: TEST_ENGINE_OPTION,
};

const DEPENDS = 'the end of the flow depends on the order; where that is meant, say what has to be so in each, by an invariant';

const RUN_ID = 'explored';
const RUNS = 100;
/** How many runs the search for a shorter order may take. */
const SHRINKING_RUNS = 200;

/** One order of what happened in a run. */
interface Order {
  /** Which of what could happen did, time after time: 0 is what was ready first. */
  readonly choices: readonly number[];
  readonly happened: readonly string[];
  /** How the run ended, as a text that is the same for equal ends. */
  readonly end: string;
  /** Why the order fails, if it does. */
  readonly problem: Error | undefined;
}

/**
 * Runs a flow again and again, and lets concurrent operations come to their ends in another order each time: actions, child runs and timers. Asserts that
 * the invariant holds for each run (without one: that each comes to the end of the first), and that each, when it is replayed, asks for the same and comes
 * to the same end.
 *
 * @throws {AssertionError} with the seed, and the shortest order found that fails.
 * @throws {UsageError} when the flow cannot be started, or an argument or option is wrong.
 * @example
 * await explore(placeOrder, ['lamp'], { seed: 7, runs: 200, invariant: ({ status }) => status === 'SUCCEEDED' });
 */
export async function explore<A extends readonly unknown[], R>(
  flow: (...args: A) => Promise<R>,
  args: A,
  options?: ExploreOptions<R>,
): Promise<ExploreReport> {
  refuseMore('explore(flow, args, options)', arguments);
  requireStart(flow, args, 'explore(flow, args)');
  const given = readOptions('explore()', options, TABLE);
  // Each run has a store of its own, and the time is moved by what is chosen.
  const engine = readTestEngineOptions('explore(): engine', given.engine, ['store', 'autoAdvance']);
  const { seed = Math.floor(Math.random() * 2 ** 32), runs = RUNS } = given;
  let expected: string | undefined;
  const take = async (choose: Choose): Promise<Order> => {
    const order = await takeOrder(flow, args, { ...given, engine }, choose);
    if (given.invariant !== undefined || order.problem !== undefined) return order;
    expected ??= order.end;
    return order.end === expected ? order : { ...order, problem: new AssertionError(otherEnd(DEPENDS, expected, order.end)) };
  };
  const orders = new Set<string>();
  for (let run = 0; run < runs; run += 1) {
    const order = await take(run === 0 ? first : drawn(`${seed}:${run}`));
    orders.add(order.choices.join());
    if (order.problem !== undefined) throw failure(await shortest(order, take), `seed ${seed}, run ${run + 1} of ${runs}`);
  }
  return { seed, runs, orders: orders.size };
}

/** Chooses what happens at the `step`-th choice: its place. */
type Choose = (step: number, happenings: readonly string[]) => number;

const first: Choose = () => 0;

/** The same key, step and number of happenings give the same choice. */
function drawn(key: string): Choose {
  return (step, { length }) => Number.parseInt(hash('sha256', `${key}:${step}`, 'hex').slice(0, 8), 16) % length;
}

/** Lets happen what is named, one after the other, and then always the first, which also stands in for what is not there. */
function named(whats: readonly string[]): Choose {
  return (step, happenings) => Math.max(0, happenings.indexOf(whats[step] ?? ''));
}

async function takeOrder<A extends readonly unknown[], R>(
  flow: (...args: A) => Promise<R>,
  args: A,
  options: ExploreOptions<R>,
  choose: Choose,
): Promise<Order> {
  const choices: number[] = [];
  const happened: string[] = [];
  const engine = testEngine(
    { ...options.engine, store: memoryStore(), autoAdvance: true },
    {
      choose: (happenings) => {
        const place = choose(choices.length, happenings);
        choices.push(place);
        happened.push(happenings[place] as string);
        return place;
      },
    },
  );
  try {
    options.setup?.(engine);
    let end = '';
    const problem = await engine.run(flow, args, { id: RUN_ID }).then(async (report) => {
      end = reportEnd(report);
      return (await brokenBy(options.invariant, report)) ?? (await engine.assertReplays().catch(asError));
    }, asError);
    return { choices, happened, end, problem: problem ?? undefined };
  } finally {
    await engine.close({ timeout: 0 });
  }
}

/** Looks for an order that fails as well and says less, until nothing of it can be left out. */
async function shortest(failed: Order, take: (choose: Choose) => Promise<Order>): Promise<Order> {
  let best = trimmed(failed);
  let left = SHRINKING_RUNS;
  const isShorter = async (whats: readonly string[]): Promise<boolean> => {
    left -= 1;
    const order = trimmed(await take(named(whats)));
    if (order.problem === undefined || order.happened.length >= best.happened.length) return false;
    best = order;
    return true;
  };
  for (let length = 0; length < best.happened.length && left > 0; length += 1) if (await isShorter(best.happened.slice(0, length))) break;
  for (let step = 0; step < best.happened.length && left > 0; ) if (!(await isShorter(best.happened.toSpliced(step, 1)))) step += 1;
  return best;
}

/** Without what is chosen anyway, at its end. */
function trimmed({ choices, happened, ...order }: Order): Order {
  const length = choices.findLastIndex((choice) => choice !== 0) + 1;
  return { ...order, choices: choices.slice(0, length), happened: happened.slice(0, length) };
}

function failure({ happened, problem }: Order, where: string): AssertionError {
  const order =
    happened.length === 0 ? 'everything as soon as it was ready' : `${happened.join(', ')}, then everything as soon as it was ready`;
  const message = `${(problem as Error).message}\n  ${where}\n  the shortest order found that fails: ${order}`;
  const { expected, actual } = problem as { expected?: unknown; actual?: unknown };
  const error = new AssertionError({ message, expected, actual, operator: 'explore' });
  error.cause = problem;
  return error;
}
