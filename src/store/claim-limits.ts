/** Sleepers that a claim wakes. The rest are for the next one. */
export const WOKEN_A_CLAIM = 256;

/** How many runs a claim has taken, blocked and woken. */
interface Claimed {
  readonly claimed: number;
  readonly blocked: number;
  readonly woken: number;
}

/** Whether a claim has come to one of its limits, so that another may find more. */
export function mayHaveMore(limit: number, { claimed, blocked, woken }: Claimed): boolean {
  return woken === WOKEN_A_CLAIM || (limit > 0 && (claimed === limit || blocked === limit));
}
