import { actionContext } from 'perdure';
import { crashEverywhere, createTestEngine, type TestEngine } from 'perdure/testing';
import { afterEach, expect, test, vi } from 'vitest';
import { agent, askModel, askPerson, callTool, type Message, type Reply, type ToolCall } from './agent.js';
import { startStubServer } from './stub-server.js';

const find: ToolCall = { kind: 'tool', tool: 'findInvoices', input: {} };
const remind: ToolCall = { kind: 'tool', tool: 'sendReminder', input: { customer: 'Grace' } };
const ASK = 'approve sendReminder';

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A model that uses these tools, one after the other, and answers with what it was told of them. */
function modelThatUses(...tools: ToolCall[]): (messages: readonly Message[]) => Reply {
  return (messages) => {
    const told = messages.filter(({ role }) => role === 'tool').map(({ content }) => content);
    return tools[told.length] ?? { kind: 'answer', text: told.join(' ') };
  };
}

function engineFor(...tools: ToolCall[]): TestEngine {
  const engine = createTestEngine({ startTime: 0 });
  engine.mock(askModel, modelThatUses(...tools));
  engine.mock(callTool, ({ tool }) => `${tool} done`);
  return engine;
}

test('gives the results of tools to the model until it answers', async () => {
  await using engine = engineFor(find, find);
  const { result } = await engine.run(agent, ['who?']);
  expect(result).toBe('"findInvoices done" "findInvoices done"');
  expect(engine.calls(askModel).map(([{ length }]) => length)).toEqual([1, 3, 5]);
  expect(engine.calls(askPerson)).toEqual([]);
});

test('uses a dangerous tool when a person approves', async () => {
  await using engine = engineFor(remind);
  await engine.answer(ASK, true);
  const { result } = await engine.run(agent, ['remind them']);
  expect(result).toBe('"sendReminder done"');
  expect(engine.calls(askPerson)).toEqual([[remind, expect.any(String)]]);
});

test.each([
  ['a person refuses', false],
  ['nobody answers within a day', undefined],
])('tells the model that it may not when %s', async (_when, answer) => {
  await using engine = engineFor(remind);
  if (answer !== undefined) await engine.answer(ASK, answer);
  const { result } = await engine.run(agent, ['remind them']);
  expect(result).toBe('This was not approved.');
  expect(engine.calls(callTool)).toEqual([]);
  expect(engine.now()).toBe(answer === undefined ? 24 * 60 * 60 * 1000 : 0);
});

test('asks a model again that does not answer in time', async () => {
  await using engine = createTestEngine();
  const failures: unknown[] = [];
  engine.on('attempt:failed', ({ error }) => failures.push(error.code));
  engine.mock(askModel, (): Reply => ({ kind: 'answer', text: 'in time' }), { latency: () => (actionContext().attempt < 3 ? '1h' : '1s') });
  const { result } = await engine.run(agent, ['well?']);
  expect(result).toBe('in time');
  expect(failures).toEqual(['ACTION_TIMEOUT', 'ACTION_TIMEOUT']);
});

test('tells the model of a tool that there is not, and does not try that again', async () => {
  await using server = await startStubServer();
  vi.stubEnv('AGENT_URL', server.url);
  // The server takes the machine's time, which a busy machine has more of than virtual time waits for by default.
  await using engine = createTestEngine({ patience: '10s' });
  engine.mock(askModel, modelThatUses({ ...find, tool: 'findMoney' }));
  const { result } = await engine.run(agent, ['who?']);
  expect(result).toBe('The tool failed: /tools/findMoney answers 404');
  expect(engine.calls(callTool)).toHaveLength(1);
});

test('gives up on a model that never answers the question', async () => {
  await using engine = engineFor(...Array<ToolCall>(100).fill(find));
  const { error } = await engine.run(agent, ['who?']);
  expect(error?.message).toBe('there is no answer after 10 turns');
  expect(engine.calls(askModel)).toHaveLength(10);
});

test('comes to the same answer wherever the process crashes', async () => {
  await crashEverywhere(agent, ['remind them'], {
    setup: (engine) => {
      engine.mock(askModel, (messages) => {
        if (actionContext().attempt < 2) throw new Error('busy');
        return modelThatUses(find, remind)(messages);
      });
      engine.mock(callTool, ({ tool }) => `${tool} done`);
      void engine.answer(ASK, true);
    },
  });
});
