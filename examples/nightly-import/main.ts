import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { open, UsageError } from 'perdure';
import { nightlyImport, sendReport } from './nightly-import.js';

const store = process.env.PERDURE_STORE || '.perdure/nightly-import.db';
const nightMs = Number(process.env.NIGHT_MS) || 24 * 60 * 60 * 1000;
const nights = Number(process.env.NIGHTS) || Number.POSITIVE_INFINITY;
const id = `nightly-import-${nightMs}`;

mkdirSync(dirname(store), { recursive: true });
const engine = await open({ store });

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void engine.close());

let reports = 0;
engine.on('operation:finished', ({ runId, name }) => {
  if (runId === id && name === sendReport.name) reports += 1;
  if (reports >= nights) void engine.close();
});

// The run does not end: the future does when this process has had enough.
const end = await engine
  .start(nightlyImport, [nightMs, 0], { id })
  .exception()
  .catch((error: Error) => error);
if (!(end instanceof UsageError && end.code === 'ENGINE_CLOSED')) {
  console.error(`The import has stopped: ${end?.message}`);
  process.exitCode = 1;
}
