import { writeFileSync } from 'node:fs';
import { type EngineOptions, flow, open } from 'perdure';
import { createTestEngine } from 'perdure/testing';
import { Engine } from '../../../src/engine/engine.js';

const [directory = '.', ...steps] = process.argv.slice(2);
process.chdir(directory);

const greet = flow('greet', async () => 'hello');
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const tell = (outcome: Promise<unknown>): Promise<void> =>
  outcome.then(
    (value) => print(String(value)),
    (error: { code: string }) => print(error.code),
  );
const opened = async (options: EngineOptions): Promise<Engine | undefined> => open(options).catch(() => undefined);

const STEPS: Readonly<Record<string, () => Promise<unknown>>> = {
  call: () => tell(greet()),
  start: () => tell(greet.with({ id: 'started' }).start().recorded()),
  kit: async () => {
    const engine = createTestEngine();
    await engine.run(greet);
    await engine.close();
    createTestEngine({ default: true, autoAdvance: false });
    await createTestEngine({ default: true }).close();
  },
  'open-aside': () => opened({ store: ':memory:', default: false }),
  'open-client': () => opened({ store: ':memory:', execute: false }),
  'open-missing': () => opened({ store: 'missing/app.db' }),
  'open-and-close': async () => (await opened({ store: 'app.db' }))?.close(),
  'file-in-the-way': async () => writeFileSync('.perdure', ''),
  'call-at-exit': async () => process.once('beforeExit', () => void tell(greet())),
  'fail-to-close': async () => {
    Engine.prototype.close = () => Promise.reject(new Error('no way'));
  },
};

for (const step of steps) await STEPS[step]?.();
