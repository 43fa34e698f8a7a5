import { appendFileSync } from 'node:fs';
import { open, sqliteStore } from 'perdure';
import type { Store } from 'perdure/store';
import { writeLine } from '../../processes/write-line.js';
import { cancelThrough, endOf } from '../crash-case.js';
import { watchedStore } from '../crashing-store.js';
import { CASES } from '../flows.js';
import { observe } from '../observer.js';

/**
 * A process that runs one flow to its end and prints how it ended. It notes what flows and actions do in a file, and on standard output, too.
 * Arguments: the store's file, the file for notes, the flow, and optionally the commit before or after which it kills itself.
 */
const [, , path = '', notes = '', name = '', killAt = '', when = ''] = process.argv;

function note(...fields: string[]): void {
  const line = JSON.stringify(fields);
  appendFileSync(notes, `${line}\n`);
  writeLine(line);
}

observe({
  flowBegan: (runId, whole) => note('flow', runId, whole ? 'whole' : ''),
  flowSaw: (runId, what, scope) => note('saw', runId, what, scope),
  actionBegan: (runId, operationId) => note('action', runId, operationId),
});

const die = (number: number): void => {
  if (number === Number(killAt)) process.kill(process.pid, 'SIGKILL');
};
const store: Store = watchedStore(sqliteStore(path), when === 'before' ? { before: die } : { after: die });

const crashCase = CASES.find((each) => each.name === name);
if (crashCase === undefined) throw new Error(`there is no flow ${name}`);
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const engine = await open({ store, logger: silent });
cancelThrough(engine);
const end = await endOf(crashCase.start(engine, 'run'));
for (const { id } of await engine.list({ status: ['PENDING', 'RUNNING', 'SUSPENDED', 'BLOCKED'] })) await endOf(engine.future(id));
await engine.close();
writeLine(JSON.stringify(['end', end]));
