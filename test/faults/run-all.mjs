// Lets everything fail that can, one thing after the other: the suites of which `npm test` takes a sample.
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const VITEST = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const SUITES = [
  'test/crash/kill-at-every',
  'test/crash/crash-at-every',
  'test/faults',
  'test/worker/store-faults',
  'test/processes/poison',
  'test/replay/prefixes',
];
const env = { PERDURE_FAULTS: 'all', PERDURE_PROGRAMS: '1000', ROW_FUZZ: '400', ...process.env };
const { status } = spawnSync(process.execPath, [VITEST, 'run', '--project', 'long', '--project', 'rooms', ...SUITES], {
  env,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
