import { action, actionContext, callback, createRetryStrategy, flow, NonRetryableError, RetryPresets, TimeoutError } from 'perdure';

export interface Message {
  readonly role: 'user' | 'model' | 'tool';
  readonly content: string;
}

export interface ToolCall {
  readonly kind: 'tool';
  readonly tool: string;
  readonly input: unknown;
}

/** What the model says: that it wants a tool to be used, or its answer. */
export type Reply = ToolCall | { readonly kind: 'answer'; readonly text: string };

const MOST_TURNS = 10;
/** Tools that a person has to approve of. */
const DANGEROUS: ReadonlySet<string> = new Set(['sendReminder']);

/** Posts JSON to the model or a tool. What a second request cannot mend is not retried. */
async function post(path: string, body: unknown): Promise<unknown> {
  const { signal, idempotencyKey } = actionContext();
  const response = await fetch(new URL(path, process.env.AGENT_URL), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
    body: JSON.stringify(body),
    signal,
  });
  if (response.ok) return await response.json();
  const problem = `${path} answers ${response.status}`;
  throw response.status === 429 || response.status >= 500 ? new Error(problem) : new NonRetryableError(problem);
}

export const askModel = action(
  'askModel',
  async (messages: readonly Message[]) => {
    actionContext().log.info('asking the model', { messages: messages.length });
    return (await post('/model', { messages })) as Reply;
  },
  { timeout: '60s', retry: createRetryStrategy({ maxAttempts: 5, initialDelay: '1s', maxDelay: '30s' }) },
);

export const callTool = action('callTool', async ({ tool, input }: ToolCall) => await post(`/tools/${tool}`, input), {
  timeout: '30s',
  retry: RetryPresets.transient(),
});

/** Stands for a mail: whoever reads the token can approve or refuse. */
export const askPerson = action(
  'askPerson',
  async ({ tool, input }: ToolCall, token: string) => {
    actionContext().log.info('please approve or refuse', { tool, input, token });
  },
  { retry: RetryPresets.default() },
);

export const agent = flow('agent', async (question: string): Promise<string> => {
  const messages: Message[] = [{ role: 'user', content: question }];
  for (let turn = 1; turn <= MOST_TURNS; turn += 1) {
    const reply = await askModel(messages);
    if (reply.kind === 'answer') return reply.text;
    messages.push({ role: 'model', content: JSON.stringify(reply) }, { role: 'tool', content: await useTool(reply) });
  }
  throw new Error(`there is no answer after ${MOST_TURNS} turns`);
});

/** What the model is told of the tool it wanted. */
async function useTool(call: ToolCall): Promise<string> {
  if (DANGEROUS.has(call.tool) && !(await isApproved(call))) return 'This was not approved.';
  // The model may know what to do about a tool that fails.
  const use = callTool.with({ name: call.tool }).start(call);
  const error = await use.exception();
  return error === undefined ? JSON.stringify(await use) : `The tool failed: ${error.message}`;
}

async function isApproved(call: ToolCall): Promise<boolean> {
  const { token, future } = callback<boolean>({ name: `approve ${call.tool}`, timeout: '1d' });
  await askPerson(call, token);
  try {
    return await future;
  } catch (error) {
    if (error instanceof TimeoutError) return false;
    throw error;
  }
}
