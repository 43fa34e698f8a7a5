import type { CommitBatch } from './store.js';

/** Whether a batch has anything that others in the process wait for: more than outcomes of operations, and messages that were taken. */
export function hasNews({ creates, restarts, suspends, ends, messages }: CommitBatch): boolean {
  return creates.length + restarts.length + suspends.length + ends.length + messages.length > 0;
}
