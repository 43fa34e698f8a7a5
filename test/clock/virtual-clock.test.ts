import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/clock/virtual-clock.js';
import { settle } from '../api/with-engine.js';

const START_MS = 1_000;
/** Longer than any test runs. */
const FOREVER_MS = 60_000;

interface Watched {
  readonly clock: VirtualClock;
  /** What was called, and when. */
  readonly log: string[];
  /** Sets a timer that logs its name. */
  set(name: string, delayMs: number, options?: { background?: boolean }): () => void;
  /** Says whether something is under way outside of the clock. */
  busy(is: boolean): void;
  /** Resolves when a timer is called that is due after all others. */
  end(afterMs?: number): Promise<void>;
}

function watched(patienceMs = FOREVER_MS, onImpatience: () => void = () => {}): Watched {
  const log: string[] = [];
  let isBusy = false;
  const clock = new VirtualClock({
    startMs: START_MS,
    busy: () => isBusy,
    patienceMs,
    onImpatience: () => {
      onImpatience();
      isBusy = false;
    },
  });
  return {
    clock,
    log,
    set: (name, delayMs, options) => clock.setTimer(delayMs, () => log.push(`${name} ${clock.now() - START_MS}`), options),
    busy(is) {
      isBusy = is;
      clock.touch();
    },
    end: (afterMs = 1_000_000) => new Promise((resolve) => void clock.setTimer(afterMs, resolve)),
  };
}

describe('timers', () => {
  test('begin at the start time, and stand still while there are none', async () => {
    const { clock } = watched();
    await settle();
    expect(clock.now()).toBe(START_MS);
  });

  test('are called in due order, whatever the order in which they were set', async () => {
    const { log, set, end } = watched();
    set('three hours', 10_800_000);
    set('one hour', 3_600_000);
    set('two hours', 7_200_000);
    await end(20_000_000);
    expect(log).toStrictEqual(['one hour 3600000', 'two hours 7200000', 'three hours 10800000']);
  });

  test('of one time are called in the order in which they were set', async () => {
    const { log, set, end } = watched();
    for (const name of ['a', 'b', 'c', 'd']) set(name, 5);
    await end();
    expect(log).toStrictEqual(['a 5', 'b 5', 'c 5', 'd 5']);
  });

  test('that become due together are called in the order in which they were set, though from different times', async () => {
    const { clock, log, set, end } = watched();
    set('set at 0', 10);
    clock.setTimer(4, () => void set('set at 4', 6));
    await end();
    expect(log).toStrictEqual(['set at 0 10', 'set at 4 10']);
  });

  test('that callbacks set have their place among the others', async () => {
    const { clock, log, set, end } = watched();
    clock.setTimer(10, () => void set('nested', 5));
    set('after', 20);
    set('before', 12);
    await end();
    expect(log).toStrictEqual(['before 12', 'nested 15', 'after 20']);
  });

  test('what a callback leads to settles before the next is called', async () => {
    const { clock, log, set, end } = watched();
    clock.setTimer(10, async () => {
      for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
      log.push('settled');
    });
    set('next', 11);
    await end();
    expect(log).toStrictEqual(['settled', 'next 11']);
  });

  test('are called in a turn of their own, those that are due at once too', async () => {
    const { log, set, end } = watched();
    const ended = end();
    set('now', 0);
    set('past', -5);
    expect(log).toStrictEqual([]);
    await ended;
    expect(log).toStrictEqual(['now 0', 'past 0']);
  });

  test('that are called off are not called, and move no time', async () => {
    const { clock, log, set } = watched();
    const callOff = set('off', 10);
    callOff();
    await settle();
    expect([log, clock.now()]).toStrictEqual([[], START_MS]);
  });

  test('can be called off by a timer of the same time', async () => {
    const { clock, log, set, end } = watched();
    clock.setTimer(10, () => callOff());
    const callOff = set('off', 10);
    await end();
    expect(log).toStrictEqual([]);
  });

  test('can be called off twice, and after they were called', async () => {
    const { log, set, end } = watched();
    const callOff = set('on', 10);
    const other = set('off', 10);
    other();
    other();
    await end();
    callOff();
    set('later', 10);
    await end();
    expect(log).toStrictEqual(['on 10', 'later 1000010']);
  });

  test('are set for longer than the timers of the machine', async () => {
    const { log, set, end } = watched();
    set('a century', 3_155_760_000_000);
    await end(4_000_000_000_000);
    expect(log).toStrictEqual(['a century 3155760000000']);
  });

  test('show the time at which they are due, and leave the clock there', async () => {
    const { clock, end } = watched();
    await end(77);
    expect(clock.now()).toBe(START_MS + 77);
  });
});

describe('time stands still', () => {
  test('while macrotasks are asked for', async () => {
    const { clock, log, set, end } = watched();
    set('timer', 10);
    let left = 30;
    const again = (): void => {
      left -= 1;
      if (left > 0) clock.macrotask(again);
      else log.push(`last macrotask ${clock.now() - START_MS}`);
    };
    clock.macrotask(again);
    await end();
    expect(log).toStrictEqual(['last macrotask 0', 'timer 10']);
  });

  test('while something is under way', async () => {
    const { clock, log, set, busy, end } = watched();
    busy(true);
    set('timer', 10);
    const ended = end();
    await settle();
    expect([log, clock.now()]).toStrictEqual([[], START_MS]);
    busy(false);
    await ended;
    expect(log).toStrictEqual(['timer 10']);
  });

  test('while something happens time and again', async () => {
    const { clock, log, set, end } = watched();
    set('timer', 10);
    const ended = end();
    for (let turn = 0; turn < 30; turn += 1) {
      clock.touch();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(log).toStrictEqual([]);
    await ended;
  });

  test('until the patience with what is under way is over', async () => {
    let impatient = 0;
    const { log, set, busy, end } = watched(5, () => {
      impatient += 1;
    });
    busy(true);
    set('timer', 10);
    await end();
    expect([impatient, log]).toStrictEqual([1, ['timer 10']]);
  });

  test('no longer than needed: without anything under way the patience does not count', async () => {
    let impatient = 0;
    const { set, end } = watched(FOREVER_MS, () => {
      impatient += 1;
    });
    set('timer', 10);
    await end();
    expect(impatient).toBe(0);
  });
});

test('macrotasks come after microtasks, in the order in which they were asked for', async () => {
  const { clock, log } = watched();
  clock.macrotask(() => log.push('first'));
  clock.macrotask(() => log.push('second'));
  void Promise.resolve().then(() => log.push('microtask'));
  await settle();
  expect(log).toStrictEqual(['microtask', 'first', 'second']);
});

describe('background timers', () => {
  test('move no time', async () => {
    const { clock, log, set } = watched();
    set('background', 10, { background: true });
    await settle();
    expect([log, clock.now()]).toStrictEqual([[], START_MS]);
  });

  test('are called when the time has come to them, before the timer that brought it', async () => {
    const { log, set, end } = watched();
    set('background', 10, { background: true });
    set('timer', 25);
    await end(30);
    expect(log).toStrictEqual(['background 25', 'timer 25']);
  });

  test('that set themselves again are called once however long the jump is', async () => {
    const { clock, log, end } = watched();
    const beat = (): void => {
      log.push(`beat ${clock.now() - START_MS}`);
      clock.setTimer(10, beat, { background: true });
    };
    clock.setTimer(10, beat, { background: true });
    await end(31_536_000_000);
    expect(log).toStrictEqual(['beat 31536000000']);
    await end(10);
    expect(log).toStrictEqual(['beat 31536000000', 'beat 31536000010']);
  });

  test('that are called off are not called', async () => {
    const { log, set, end } = watched();
    set('background', 10, { background: true })();
    await end();
    expect(log).toStrictEqual([]);
  });

  test('are called by advance()', async () => {
    const { clock, log, set } = watched();
    set('soon', 10, { background: true });
    set('late', 30, { background: true });
    await clock.advance(20);
    expect(log).toStrictEqual(['soon 20']);
  });

  test('are called in due order', async () => {
    const { log, set, end } = watched();
    set('later', 20, { background: true });
    set('sooner', 10, { background: true });
    await end(30);
    expect(log).toStrictEqual(['sooner 30', 'later 30']);
  });

  test('that another background timer of the same jump calls off are not called', async () => {
    const { clock, log, set, end } = watched();
    clock.setTimer(10, () => callOff(), { background: true });
    const callOff = set('off', 20, { background: true });
    await end(30);
    expect(log).toStrictEqual([]);
  });

  test('can call off the timer that brought the time', async () => {
    const { clock, log, set, end } = watched();
    clock.setTimer(10, () => callOff(), { background: true });
    const callOff = set('off', 20);
    await end(30);
    expect(log).toStrictEqual([]);
  });
});

describe('advance()', () => {
  test('moves the time where there are no timers', async () => {
    const { clock } = watched();
    await clock.advance(500);
    await clock.advance(0);
    await clock.advance(250);
    expect(clock.now()).toBe(START_MS + 750);
  });

  test('calls the timers on the way, those due at its end too, in due order', async () => {
    const { clock, log, set, busy } = watched(5);
    busy(true);
    set('late', 500);
    set('early', 100);
    await clock.advance(500);
    expect(log).toStrictEqual(['early 100', 'late 500']);
    expect(clock.now()).toBe(START_MS + 500);
  });

  test('lets what the timers lead to settle, timers that they set included', async () => {
    const { clock, log, set } = watched();
    clock.setTimer(100, () => clock.macrotask(() => void set('nested', 50)));
    await clock.advance(200);
    expect(log).toStrictEqual(['nested 150']);
    expect(clock.now()).toBe(START_MS + 200);
  });

  test('waits for what is under way before it moves', async () => {
    const { clock, log, set, busy } = watched();
    busy(true);
    const advanced = clock.advance(100);
    await settle();
    expect(clock.now()).toBe(START_MS);
    set('timer', 10);
    busy(false);
    await advanced;
    expect(log).toStrictEqual(['timer 10']);
  });

  test('counts from the time of the call, wherever timers move the clock meanwhile', async () => {
    const { clock, log, set } = watched();
    const advanced = clock.advance(100);
    set('a', 10);
    set('b', 60);
    await advanced;
    expect(log).toStrictEqual(['a 10', 'b 60']);
    expect(clock.now()).toBe(START_MS + 100);
  });

  test('calls a timer once, though time goes on by itself as well', async () => {
    const { clock, log, set } = watched();
    for (let at = 1; at <= 20; at += 1) set('timer', at);
    await clock.advance(20);
    expect(log).toStrictEqual(Array.from({ length: 20 }, (_, index) => `timer ${index + 1}`));
  });

  test('keeps the due order when it runs beside another', async () => {
    const { clock, log, set } = watched();
    for (let at = 20; at >= 1; at -= 1) set('timer', at);
    await Promise.all([clock.advance(20), clock.advance(10)]);
    expect(log).toStrictEqual(Array.from({ length: 20 }, (_, index) => `timer ${index + 1}`));
    expect(clock.now()).toBe(START_MS + 20);
  });
});

describe('what settles between two timers', () => {
  test('settles while advance() and the clock itself both move the time', async () => {
    const { clock, log, set } = watched();
    for (const at of [10, 20, 30]) {
      clock.setTimer(at, () => {
        set(`after ${at}`, 1);
        clock.macrotask(() => clock.macrotask(() => log.push(`settled ${clock.now() - START_MS}`)));
      });
    }
    await clock.advance(40);
    expect(log).toStrictEqual(['settled 10', 'after 10 11', 'settled 20', 'after 20 21', 'settled 30', 'after 30 31']);
  });

  test('never sees the time go back', async () => {
    const { clock, end } = watched();
    const seen: number[] = [];
    for (let at = 50; at >= 0; at -= 1) clock.setTimer((at * 37) % 51, () => seen.push(clock.now()));
    await Promise.all([end(60), clock.advance(25)]);
    expect(seen).toStrictEqual([...seen].sort((a, b) => a - b));
    expect(seen).toHaveLength(51);
  });
});
