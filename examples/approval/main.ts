import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Engine, open } from 'perdure';
import { type Answer, approval, type Expense } from './approval.js';

const store = process.env.PERDURE_STORE || '.perdure/approval.db';
const [command = 'submit', argument = 'EXP-1'] = process.argv.slice(2);

async function submit(engine: Engine, id: string): Promise<void> {
  const expense: Expense = { id, cents: 48_000, what: 'a journey to the customer', approvers: ['manager', 'superior'] };
  const { approved, by = 'nobody' } = await engine.start(approval, [expense], { id: `approval-${id}` });
  console.log(`${id} is ${approved ? 'approved' : 'refused'} by ${by}`);
}

async function answer(engine: Engine, token: string, approved: boolean): Promise<void> {
  await engine.complete(token, { approved } satisfies Answer);
  console.log('thank you');
}

mkdirSync(dirname(store), { recursive: true });
await using engine = await open({ store });
try {
  if (command === 'submit') await submit(engine, argument);
  else if (command === 'approve' || command === 'reject') await answer(engine, argument, command === 'approve');
  else throw new Error('usage: main.ts [submit <expense id> | approve <token> | reject <token>]');
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
