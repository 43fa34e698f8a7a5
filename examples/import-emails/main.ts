import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open } from 'perdure';
import { importEmails, type Report, TOLERATED_PERCENT } from './import-emails.js';

const file = resolve(process.argv[2] ?? fileURLToPath(new URL('addresses.csv', import.meta.url)));
const store = process.env.PERDURE_STORE || '.perdure/emails.db';

/** The same file with the same content is the same import. */
function runIdOf(path: string): string {
  try {
    const digest = createHash('sha256').update(`${path}\n`).update(readFileSync(path)).digest('hex');
    return `import-${digest.slice(0, 16)}`;
  } catch (error) {
    console.error(`The addresses cannot be read: ${(error as Error).message}`);
    process.exit(1);
  }
}

function print({ complete, total, valid, invalid, left, failures }: Report): void {
  const width = Math.max(0, ...failures.map(({ email }) => email.length));
  for (const { line, email, problem } of failures) console.log(`${line}`.padStart(6), '', email.padEnd(width), '', problem);
  console.log(`\n${total} addresses: ${valid} valid, ${invalid} not valid, ${left} left`);
  console.log(complete ? 'The import is complete.' : `More than ${TOLERATED_PERCENT} % are not valid: the import was stopped.`);
}

const id = runIdOf(file);
try {
  mkdirSync(dirname(store), { recursive: true });
  await using engine = await open({ store });
  const report = await engine.start(importEmails, [file], { id });
  print(report);
  if (!report.complete) process.exitCode = 1;
} catch (error) {
  console.error(`The import failed: ${(error as Error).message}`);
  process.exitCode = 1;
}
