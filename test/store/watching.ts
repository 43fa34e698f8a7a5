import type { Store } from 'perdure/store';
import { onTestFinished } from 'vitest';
import { ManualClock } from '../worker/manual-clock.js';

/** Longer than a store that looks by itself waits between two looks. */
const LOOK_MS = 250;

/** Someone who watches a store, by a clock that stands still. */
export interface Watching {
  readonly clock: ManualClock;
  /** Whether a change was told since it was asked last, after the store's next look. */
  told(): Promise<boolean>;
  /** The same, without a look: what is told at once. */
  toldAtOnce(): Promise<boolean>;
  stop(): void;
}

export function watching(store: Store, { busy = false } = {}): Watching {
  const clock = new ManualClock();
  let told = false;
  const stop = store.watch({
    clock,
    busy: () => busy,
    onChange: () => {
      told = true;
    },
  });
  onTestFinished(stop);
  const toldAtOnce = async (): Promise<boolean> => {
    await clock.turn();
    const answer = told;
    told = false;
    return answer;
  };
  return {
    clock,
    stop,
    toldAtOnce,
    told: async () => {
      await clock.advance(LOOK_MS);
      return toldAtOnce();
    },
  };
}
