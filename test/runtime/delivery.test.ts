import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/clock/system-clock.js';
import { Delivery, type TurnTaker } from '../../src/runtime/turns/delivery.js';

/** Runs that have a given number of turns each, and the turns they had: the name of each, in order. */
class Turns {
  readonly had: string[] = [];
  readonly delivery = new Delivery(systemClock);

  /** @param turns - How many turns it wants. */
  run(name: string, { turns = 1, begun = false, urgent = false }: { turns?: number; begun?: boolean; urgent?: boolean } = {}): TurnTaker {
    const { had } = this;
    let left = turns;
    return {
      get begun(): boolean {
        return begun;
      },
      urgent,
      beginTurn() {
        begun = true;
        left -= 1;
        had.push(name);
      },
      endTurn: () => left > 0,
    };
  }

  wake(count: number, prefix: string, options?: Parameters<Turns['run']>[1]): TurnTaker[] {
    const runs = Array.from({ length: count }, (_, n) => this.run(`${prefix} ${n}`, options));
    for (const run of runs) this.delivery.wake(run);
    return runs;
  }

  /** Resolves when nobody is due any more. */
  async done(): Promise<void> {
    while (this.delivery.busy) await macrotask();
  }

  countOf(prefix: string): number {
    return this.had.filter((name) => name.startsWith(`${prefix} `)).length;
  }
}

async function macrotask(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}

describe('the order of turns', () => {
  test('[D3] runs that have begun go before runs that have not, each in the order in which they became due', async () => {
    const turns = new Turns();
    turns.wake(2, 'new');
    turns.wake(2, 'old', { begun: true });
    await turns.done();
    expect(turns.had).toEqual(['old 0', 'old 1', 'new 0', 'new 1']);
  });

  test('[D3] of many runs that begin together, the first have ended long before the last begin', async () => {
    const turns = new Turns();
    turns.wake(5_000, 'run', { turns: 4 });
    await turns.done();
    expect(turns.had).toHaveLength(20_000);
    const lastBegins = turns.had.indexOf('run 4999');
    const ended = new Set(turns.had.slice(0, lastBegins)).size;
    const turnsBefore = lastBegins;
    // All that had begun have ended, but for a few macrotasks' worth.
    expect(turnsBefore).toBeGreaterThan(ended * 4 - 4_000);
  });

  test('[D3] runs that never come to rest leave a share of every macrotask to those that begin', async () => {
    const turns = new Turns();
    const busy = turns.wake(2_000, 'busy', { turns: Number.POSITIVE_INFINITY, begun: true });
    turns.wake(640, 'new', { turns: 1 });
    const before = turns.delivery.turns;
    while (turns.countOf('new') < 640) await macrotask();
    expect(turns.delivery.turns - before).toBeLessThanOrEqual(11);
    for (const run of busy) turns.delivery.forget(run);
    turns.delivery.pause();
    await turns.done();
  });

  test('[D3] no run that has begun waits for longer than it takes to give all of them a turn', async () => {
    const turns = new Turns();
    turns.wake(2_000, 'busy', { turns: 3, begun: true });
    await turns.done();
    const names = (from: number): Set<string> => new Set(turns.had.slice(from, from + 2_000));
    expect([names(0), names(2_000), names(4_000)].map((some) => some.size)).toEqual([2_000, 2_000, 2_000]);
  });
});

describe('a turn', () => {
  test('[D1] comes once a macrotask, and [D2] ends when the microtasks that it led to have been run', async () => {
    const order: string[] = [];
    const delivery = new Delivery(systemClock);
    let left = 2;
    delivery.wake({
      begun: true,
      urgent: false,
      beginTurn() {
        order.push('begin');
        void Promise.resolve()
          .then(() => Promise.resolve())
          .then(() => order.push('microtasks'));
        setImmediate(() => order.push('macrotask'));
      },
      endTurn() {
        order.push('end');
        left -= 1;
        return left > 0;
      },
    });
    while (delivery.busy) await macrotask();
    await macrotask();
    expect(order).toEqual(['begin', 'microtasks', 'end', 'macrotask', 'begin', 'microtasks', 'end', 'macrotask']);
  });

  test('[D4] is for urgent runs alone while the pump is paused', async () => {
    const turns = new Turns();
    turns.delivery.pause();
    turns.wake(1, 'calm');
    turns.wake(1, 'calm and begun', { begun: true });
    turns.wake(1, 'urgent', { urgent: true });
    turns.wake(1, 'urgent and begun', { urgent: true, begun: true });
    await turns.done();
    expect(turns.had).toEqual(['urgent and begun 0', 'urgent 0']);
  });

  test('is not for a run that is forgotten', async () => {
    const turns = new Turns();
    const [fresh] = turns.wake(1, 'new');
    const [old] = turns.wake(1, 'old', { begun: true });
    for (const run of [fresh, old]) {
      expect(turns.delivery.awaits(run as TurnTaker)).toBe(true);
      turns.delivery.forget(run as TurnTaker);
      expect(turns.delivery.awaits(run as TurnTaker)).toBe(false);
    }
    await turns.done();
    expect(turns.had).toEqual([]);
  });
});
