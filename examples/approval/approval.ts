import { action, actionContext, callback, type DurableFuture, FIRST_COMPLETED, flow, RetryPresets, wait } from 'perdure';

export interface Expense {
  readonly id: string;
  readonly cents: number;
  readonly what: string;
  /** Who may approve it, in the order in which they are asked: the manager, her superior. */
  readonly approvers: readonly string[];
}

/** What an approver sends back. */
export interface Answer {
  readonly approved: boolean;
}

export interface Decision extends Answer {
  /** Who has decided; `undefined` when nobody did. */
  readonly by: string | undefined;
}

/** How long each approver has before the next one is asked. */
const LIMIT = '3d';

/** Stands for a mail: whoever reads the token can answer. */
export const ask = action(
  'ask',
  async (approver: string, { id, cents, what }: Expense, token: string) => {
    actionContext().log.info('please approve or reject', { approver, expense: id, cents, what, token });
  },
  { retry: RetryPresets.default() },
);

export const approval = flow('approval', async (expense: Expense): Promise<Decision> => {
  const answers: DurableFuture<Answer>[] = [];
  try {
    for (const approver of expense.approvers) {
      const { token, future } = callback<Answer>({ name: approver });
      answers.push(future);
      await ask(approver, expense, token);
      // Whoever was asked before can still answer.
      const { done } = await wait(answers, { returnWhen: FIRST_COMPLETED, timeout: LIMIT });
      const [first] = done;
      if (first !== undefined) return { approved: (await first).approved, by: first.name };
    }
    return { approved: false, by: undefined };
  } finally {
    for (const answer of answers) answer.cancel('it is decided');
  }
});
