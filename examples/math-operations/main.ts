import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { type BatchItem, open } from 'perdure';
import { calculate } from './math-operations.js';

const store = process.env.PERDURE_STORE || '.perdure/math.db';

function readNumber(name: string, text: string | undefined): number {
  const number = Number(text);
  if (text === undefined || text.trim() === '' || !Number.isFinite(number)) {
    console.error(`${name} must be a number, not ${JSON.stringify(text) ?? 'left out'}. Usage: main.ts A B, such as main.ts 6 3`);
    process.exit(1);
  }
  // 0 and -0 are the same number, so they are the same run.
  return number === 0 ? 0 : number;
}

function outcomeOf(item: BatchItem<number>): string {
  switch (item.status) {
    case 'SUCCEEDED':
      return String(item.result);
    case 'FAILED':
      return `${item.error.name}: ${item.error.message}`;
    default:
      return item.status;
  }
}

const a = readNumber('A', process.argv[2]);
const b = readNumber('B', process.argv[3]);

mkdirSync(dirname(store), { recursive: true });
await using engine = await open({ store });
const result = await engine.start(calculate, [a, b], { id: `math-${a}-and-${b}` });

for (const item of result.all) console.log(item.name.padEnd(10), outcomeOf(item));
console.log(`\n${result.successCount} of ${result.totalCount} succeeded, ${result.failureCount} failed`);
