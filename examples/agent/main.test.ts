import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { killMain, type Program, runMain } from '../run-main.js';
import { type StubServer, startStubServer } from './stub-server.js';

const ANSWER = 'One invoice is overdue, that of Grace. "Grace was reminded."\n';

let directory: string;
let server: StubServer;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'agent-'));
  server = await startStubServer();
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

function program(...args: string[]): Program {
  return { main: new URL('main.ts', import.meta.url), args, env: { PERDURE_STORE: join(directory, 'agent.db'), AGENT_URL: server.url } };
}

test('comes to the same answer when it is killed twice, and asks the model nothing again that it has answered', async () => {
  await killMain(program(), (line) => line.includes('"messages":3'));
  const lines = await killMain(program(), (line) => line.includes('please approve'));
  expect(server.reminded.size).toBe(0);

  const { token } = JSON.parse(lines.find((line) => line.includes('please approve')) ?? '{}');
  expect(await runMain(program('approve', token))).toMatchObject({ code: 0, stdout: 'thank you\n' });
  expect(await runMain(program())).toMatchObject({ code: 0, stdout: ANSWER });
  expect([...server.reminded.values()]).toEqual(['Grace']);

  const calls = (messages: number): number => server.modelCalls.filter((each) => each === messages).length;
  expect([calls(1), calls(5)]).toEqual([1, 1]);
  // It was killed while it asked: the first answer may have been lost.
  expect([1, 2]).toContain(calls(3));

  const { length } = server.modelCalls;
  expect(await runMain(program())).toEqual({ code: 0, stdout: ANSWER, stderr: '' });
  expect(server.modelCalls).toHaveLength(length);
});

test('brings its own model when it is given none', async () => {
  const { env } = program();
  const lines = await killMain({ ...program(), env: { ...env, AGENT_URL: '' } }, (line) => line.includes('please approve'));
  expect(lines.filter((line) => line.includes('asking the model'))).toHaveLength(2);
  expect(server.modelCalls).toEqual([]);
});
