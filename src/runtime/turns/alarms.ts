import type { Clock } from '../../clock/clock.js';

interface Alarm {
  readonly runId: string;
  readonly dueAtMs: number;
  /** Tells alarms apart that are due together: the one set first rings first. */
  readonly order: number;
  ring: (() => void) | undefined;
}

/** Called-off alarms that may stay in the heap before it is rebuilt. */
const TOLERATED_GARBAGE = 64;

/**
 * All the alarms of an engine, on one timer of the clock.
 *
 * Owns: a binary heap of alarms, and the timer for the first of them. Does not own: what they ring for.
 *
 *   AM1  Alarms ring in due order, and in the order in which they were set where they are due together; never while being set.
 *   AM2  An alarm rings once, or never after it was called off; called-off alarms are at most half of the heap, give or take a few.
 *   AM3  While a run is held, none of its alarms rings: those that came due ring in due order when it is released. It holds up no other run.
 */
export class Alarms {
  readonly #clock: Clock;
  #heap: Alarm[] = [];
  #count = 0;
  #garbage = 0;
  #armedFor = Number.POSITIVE_INFINITY;
  #disarm: (() => void) | undefined;
  /** The runs that are held, each with its alarms that came due meanwhile. */
  readonly #held = new Map<string, Alarm[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(runId: string, dueAtMs: number, ring: () => void): () => void {
    this.#count += 1;
    const alarm: Alarm = { runId, dueAtMs, order: this.#count, ring };
    this.#push(alarm);
    this.#arm();
    return () => this.#callOff(alarm);
  }

  hold(runId: string): void {
    if (!this.#held.has(runId)) this.#held.set(runId, []);
  }

  release(runId: string): void {
    const due = this.#held.get(runId);
    if (due === undefined) return;
    this.#held.delete(runId);
    for (const alarm of due) if (alarm.ring !== undefined) this.#push(alarm);
    this.#arm();
  }

  /** Rings those that are due by a clock that was set forward, or went on while the machine slept: a timer would not tell. */
  look(): void {
    if (this.#armedFor > this.#clock.now()) return;
    this.#disarm?.();
    this.#ringDue();
  }

  clear(): void {
    for (const alarm of [...this.#heap, ...[...this.#held.values()].flat()]) alarm.ring = undefined;
    this.#held.clear();
    this.#heap = [];
    this.#garbage = 0;
    this.#arm();
  }

  #callOff(alarm: Alarm): void {
    if (alarm.ring === undefined) return;
    alarm.ring = undefined;
    if (this.#held.get(alarm.runId)?.includes(alarm) === true) return;
    this.#garbage += 1;
    if (this.#garbage > TOLERATED_GARBAGE && this.#garbage * 2 > this.#heap.length) {
      this.#heap = this.#heap.filter((each) => each.ring !== undefined).sort((a, b) => (before(a, b) ? -1 : 1));
      this.#garbage = 0;
    }
    this.#arm();
  }

  #arm(): void {
    while (this.#heap[0] !== undefined && this.#heap[0].ring === undefined) {
      this.#pop();
      this.#garbage -= 1;
    }
    const dueAtMs = this.#heap[0]?.dueAtMs ?? Number.POSITIVE_INFINITY;
    if (dueAtMs === this.#armedFor) return;
    this.#disarm?.();
    this.#disarm = undefined;
    this.#armedFor = dueAtMs;
    if (dueAtMs !== Number.POSITIVE_INFINITY) this.#disarm = this.#clock.setTimer(dueAtMs - this.#clock.now(), () => this.#ringDue());
  }

  #ringDue(): void {
    this.#armedFor = Number.POSITIVE_INFINITY;
    this.#disarm = undefined;
    const now = this.#clock.now();
    while (this.#heap[0] !== undefined && this.#heap[0].dueAtMs <= now) {
      const alarm = this.#pop();
      const { ring } = alarm;
      const held = this.#held.size === 0 ? undefined : this.#held.get(alarm.runId);
      if (ring === undefined) this.#garbage -= 1;
      else if (held !== undefined) held.push(alarm);
      else {
        alarm.ring = undefined;
        ring();
      }
    }
    this.#arm();
  }

  #push(alarm: Alarm): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(alarm);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Alarm;
      if (!before(alarm, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = alarm;
  }

  #pop(): Alarm {
    const heap = this.#heap;
    const first = heap[0] as Alarm;
    const last = heap.pop() as Alarm;
    if (heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Alarm, heap[child] as Alarm)) child += 1;
      const below = heap[child] as Alarm;
      if (!before(below, last)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function before(a: Alarm, b: Alarm): boolean {
  return a.dueAtMs < b.dueAtMs || (a.dueAtMs === b.dueAtMs && a.order < b.order);
}
