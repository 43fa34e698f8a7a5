/** What a batch is recorded with: its policy, which may change in the code, then what its branches are, which may not. One line of JSON, and the rest. */
export interface BatchInput {
  readonly policy: string;
  readonly content: string;
}

export function joinBatchInput({ policy, content }: BatchInput): string {
  return `${policy}\n${content}`;
}

export function splitBatchInput(input: string): BatchInput {
  const end = input.indexOf('\n');
  return { policy: input.slice(0, end), content: input.slice(end + 1) };
}
