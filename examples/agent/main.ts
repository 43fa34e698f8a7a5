import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Engine, open } from 'perdure';
import { agent } from './agent.js';
import { startStubServer } from './stub-server.js';

const store = process.env.PERDURE_STORE || '.perdure/agent.db';
const [command = 'ask', argument = 'Who is late with paying? Remind them.'] = process.argv.slice(2);

async function ask(engine: Engine, question: string): Promise<void> {
  console.log(await engine.start(agent, [question], { id: `agent-${question}` }));
}

async function approve(engine: Engine, token: string, approved: boolean): Promise<void> {
  await engine.complete(token, approved);
  console.log('thank you');
}

// The address is no argument of the flow: it is another one after a restart.
await using server = process.env.AGENT_URL ? undefined : await startStubServer();
if (server !== undefined) process.env.AGENT_URL = server.url;

mkdirSync(dirname(store), { recursive: true });
await using engine = await open({ store });
try {
  if (command === 'ask') await ask(engine, argument);
  else if (command === 'approve' || command === 'refuse') await approve(engine, argument, command === 'approve');
  else throw new Error('usage: main.ts [ask <question> | approve <token> | refuse <token>]');
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
