/** An event or callback that waits to be answered. */
export interface Question {
  readonly runId: string;
  readonly operationId: string;
  readonly name: string;
}

/** Gives an answer to whom it was asked by. Returns whether that still waited. */
export type Give = (question: Question, answer: unknown) => Promise<boolean>;

/**
 * The events and callbacks of one engine that have no answer, and the answers that were not asked for, by name.
 *
 *   AN1  Questions and answers of one name meet in the order in which they came up.
 */
export class Answers {
  readonly #give: Give;
  readonly #questions = new Map<string, Map<string, Question>>();
  readonly #answers = new Map<string, unknown[]>();

  constructor(give: Give) {
    this.#give = give;
  }

  /** Something waits. An answer that is there already is given. */
  asked(question: Question): void {
    const { name } = question;
    const answers = this.#answers.get(name);
    if (answers === undefined || answers.length === 0) {
      const questions = this.#questions.get(name) ?? new Map<string, Question>();
      this.#questions.set(name, questions.set(keyOf(question), question));
      return;
    }
    const answer = answers.shift();
    this.#give(question, answer)
      .then((given) => (given ? undefined : this.answer(name, answer)))
      // There is no code to tell.
      .catch(() => undefined);
  }

  /** It waits no longer. */
  over(question: Question): void {
    this.#questions.get(question.name)?.delete(keyOf(question));
  }

  /** Answers what has waited longest under this name, or else the next that will. */
  async answer(name: string, answer: unknown): Promise<void> {
    const questions = this.#questions.get(name) ?? [];
    for (const [, question] of questions) {
      this.over(question);
      if (await this.#give(question, answer)) return;
    }
    this.#answers.set(name, [...(this.#answers.get(name) ?? []), answer]);
  }
}

function keyOf({ runId, operationId }: Question): string {
  return `${runId} ${operationId}`;
}
