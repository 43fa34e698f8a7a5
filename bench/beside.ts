import { type Figure, medianBy } from './measure.js';

/** What is compared with a limit. */
export interface Contender {
  /** One figure, or several of the same measurement. */
  readonly measure: () => Promise<Figure | readonly Figure[]>;
  /** How many of the limit's units one unit of this is, such as the rows that a flow writes. Default 1. */
  readonly weight?: number;
}

interface Compared {
  readonly figure: Figure;
  readonly ratio: number;
}

/**
 * Measures a limit and what is compared with it in turns, since machines are slow and fast by turns as well. Of the limit it gives the median; of all
 * others the round in which their ratio to the limit of the same round was the median.
 */
export async function beside(limit: () => Promise<Figure>, contenders: readonly Contender[], rounds: number): Promise<Figure[]> {
  const limits: Figure[] = [];
  const compared = new Map<string, Compared[]>();
  for (let round = 0; round < rounds; round += 1) {
    const bare = await limit();
    limits.push(bare);
    for (const { measure, weight = 1 } of contenders) {
      for (const figure of [await measure()].flat()) {
        const key = `${figure.workload}, ${figure.subject}`;
        compared.set(key, [...(compared.get(key) ?? []), { figure, ratio: (figure.value * weight) / bare.value }]);
      }
    }
  }
  const bare = medianBy(limits, ({ value }) => value);
  const others = [...compared.values()].map((each): Figure => {
    const { figure, ratio } = medianBy(each, (one) => one.ratio);
    return { ...figure, ratio: { value: ratio, to: bare.workload, rounds: each.map((one) => one.ratio) } };
  });
  return [bare, ...others];
}
