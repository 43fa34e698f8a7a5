// Packs the built library, installs the tarball into an empty project, and uses it there as its users do: by `import`, by `require`, in tests of
// `node:test`, and from TypeScript under `nodenext` and `bundler`.
//
//   node test/package/check-tarball.mjs [--skip-types]
//
// It runs under the Node that runs this file. Where that Node has no `node:sqlite`, a driver is installed beside the library, in the version this repository
// uses, after a look at what is said without one; elsewhere nothing else is installed. Needs `npm run build` first.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const skipTypes = process.argv.includes('--skip-types');
const hasNodeSqlite = process.getBuiltinModule('node:sqlite') !== undefined;

const program = `const double = action('double', async (n) => n * 2);
const main = flow('main', async (n) => {
  const doubled = double.start(n);
  return (await doubled.result()) + (await double(1));
});
const patient = flow('patient', async (n) => {
  await sleep('365d');
  return main(n);
});

async function run() {
  const engine = await open({ store: process.argv[2] });
  const result = await main(20);
  await engine.close();
  const test = createTestEngine();
  const report = await test.run(patient, [20]);
  if (report.result !== result) throw new Error('in a test engine it is ' + report.status + ' ' + report.result);
  await test.close();
  console.log(JSON.stringify({ result }));
}

run().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
`;

// The testing kit under the test runner of Node.
const kitTest = `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { action, flow, map, memoryStore, sleep } from 'perdure';
import { assertReplays, crashEverywhere, createTestEngine, explore, sequence, storeConformance } from 'perdure/testing';

const charge = action('charge', async (cents) => 'receipt of ' + cents);
const order = flow('order', async (cents) => {
  const receipts = (await map([cents, cents + 1], charge)).getResults();
  await sleep('3d');
  return receipts;
});
let count = 0;
const counting = flow('counting', async () => {
  count += 1;
  return count;
});

test('mock, calls and assertReplays', async () => {
  const engine = createTestEngine();
  engine.mock(charge, sequence('first', 'second'), { latency: (cents) => cents });
  const { result, journal } = await engine.run(order, [400]);
  assert.deepEqual(result, ['first', 'second']);
  assert.deepEqual(engine.calls(charge), [[400], [401]]);
  await engine.assertReplays();
  await engine.close();
  await assertReplays(order, JSON.parse(JSON.stringify(journal)));
});

test('crashEverywhere', async () => {
  const { crashes } = await crashEverywhere(order, [400], { faults: { slow: 1, failingCommit: true, lostWorker: true } });
  assert.ok(crashes > 4);
  await assert.rejects(crashEverywhere(counting, []), assert.AssertionError);
});

test('explore', async () => {
  const { orders } = await explore(order, [400], { seed: 1, runs: 20, invariant: ({ status }) => assert.equal(status, 'SUCCEEDED') });
  assert.equal(orders, 2);
  await assert.rejects(explore(counting, [], { runs: 2 }), assert.AssertionError);
});

for (const { area, name, run } of storeConformance) {
  test(area + ': ' + name, () => {
    const store = memoryStore();
    return run(() => store);
  });
}
`;

// Explicit types on what the library returns: a type that silently became `any` fails the check.
const consumer = `import { action, flow, open } from 'perdure';
import { createTestEngine, sequence } from 'perdure/testing';

type IsAny<T> = 0 extends 1 & T ? true : false;
const exactly = <Expected>() => <Actual extends Expected>(_value: Actual, _notAny: IsAny<Actual> extends true ? never : true): void => {};

const double = action('double', async (n: number) => n * 2);
const main = flow('main', async (n: number) => {
  const doubled = double.start(n);
  const result = await doubled.result();
  exactly<number>()(result, true);
  return result + (await double(1));
});

export async function run(): Promise<number> {
  const engine = await open({ store: 'x.db' });
  const total = await main(20);
  exactly<number>()(total, true);
  // @ts-expect-error the argument is a number
  main.start('twenty');
  await engine.close();
  const test = createTestEngine();
  test.mock(double, sequence(new Error('no'), 2, (n: number) => n));
  // @ts-expect-error a number is wanted
  test.mock(double, 'two');
  const report = await test.run(main, [20]);
  exactly<number>()(report.result, true);
  return total;
}
`;

const compilerOptions = {
  target: 'ES2022',
  lib: ['ES2023'],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  skipLibCheck: false,
  noEmit: true,
  types: ['node'],
  typeRoots: [join(root, 'node_modules/@types')],
};

const tsconfigs = {
  nodenext: { module: 'NodeNext', moduleResolution: 'NodeNext' },
  bundler: { module: 'ESNext', moduleResolution: 'Bundler' },
};

function step(text) {
  console.log(`  - ${text}`);
}

function sh(command, args, cwd) {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 180_000 });
  if (done.error) throw done.error;
  if (done.status !== 0) {
    throw new Error(`${command} ${args.join(' ')} ended with ${done.signal ?? done.status} in ${cwd}\n${done.stdout}${done.stderr}`);
  }
  return done;
}

function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

function checkProgram(project, file) {
  const store = join(project, `${file}.db`);
  const { stdout, stderr } = sh(process.execPath, [file, store], project);
  if (stdout.trim() !== '{"result":42}') throw new Error(`${file} printed ${JSON.stringify(stdout)}, expected {"result":42}`);
  const noise = stderr.split('\n').filter((line) => line !== '' && !/ExperimentalWarning|--trace-warnings/.test(line));
  if (noise.length > 0) throw new Error(`${file} wrote to stderr:\n${noise.join('\n')}`);
  if (!existsSync(store)) throw new Error(`${file} left no store file at ${store}`);
  step(`${file}: {"result":42}`);
}

// Opens a store and prints how that failed, if it did.
const opening = `import { sqliteStore } from 'perdure';
const [path, driver] = process.argv.slice(2);
const store = sqliteStore(path, { driver });
console.log(await store.open().then(() => 'open', (error) => error.code + ': ' + error.message));
await store.close();
`;

function checkOpening(project, args, expected) {
  writeFileSync(join(project, 'opening.mjs'), opening);
  const { stdout } = sh(process.execPath, ['opening.mjs', join(project, 'opening.db'), ...args], project);
  for (const part of expected) {
    if (!stdout.includes(part)) throw new Error(`opening.mjs ${args.join(' ')} printed ${stdout}, which lacks ${JSON.stringify(part)}`);
  }
  if (!expected.includes('open') && existsSync(join(project, 'opening.db'))) throw new Error('a file was made without a driver');
}

/** Installs what a Node without `node:sqlite` needs, and looks at what is said until it is there. */
function installDriver(project) {
  const npmInstall = (name) => sh('npm', ['install', '--no-audit', '--no-fund', `${name}@${manifest.devDependencies[name]}`], project);
  const command = 'Run `npm install @photostructure/sqlite@1`, or use Node 22.13 or later';
  checkOpening(project, [], ['SQLITE_DRIVER_MISSING: no SQLite driver was found', command]);
  step('without a driver: the error names the command');
  npmInstall('libsql');
  checkOpening(project, [], ['SQLITE_DRIVER_MISSING', 'libsql is installed, and is not taken unasked', command]);
  checkOpening(project, ['libsql'], ['open']);
  sh('npm', ['uninstall', '--no-audit', '--no-fund', 'libsql'], project);
  step('with libsql: it is taken by its name only');
  npmInstall('@photostructure/sqlite');
  step('installed with @photostructure/sqlite');
}

/** The first program of the README, with the commands that it gives: run twice, it does the work once. */
function checkReadme(project) {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const code = /^```js\n(\/\/ order\.mjs[\s\S]*?)^```$/m.exec(readme)?.[1];
  if (code === undefined) throw new Error('README.md has no program order.mjs');
  if (readme.slice(0, readme.indexOf(code)).split('\n').length > 10) throw new Error('the first program of README.md comes too late');
  writeFileSync(join(project, 'order.mjs'), code);
  const printed = [1, 2].map(() => sh(process.execPath, ['order.mjs'], project).stdout);
  const expected = ['mailed the receipt of order 17\nreceipt of order 17\n', 'receipt of order 17\n'];
  if (printed.join('|') !== expected.join('|')) throw new Error(`order.mjs of README.md printed ${JSON.stringify(printed)}`);
  step('order.mjs of README.md, twice');
}

function checkKit(project) {
  writeFileSync(join(project, 'kit.test.mjs'), kitTest);
  const { stdout } = sh(process.execPath, ['--test', '--test-reporter=tap', 'kit.test.mjs'], project);
  const passed = Number(/^# pass (\d+)$/m.exec(stdout)?.[1]);
  // Three of its own, and at least one of the store's.
  if (!(passed > 3)) throw new Error(`kit.test.mjs has ${passed} tests that passed:\n${stdout}`);
  step(`kit.test.mjs under node:test: ${passed} passed`);
}

function checkTypes(project, name) {
  const tsconfig = join(project, `tsconfig.${name}.json`);
  writeJson(tsconfig, { compilerOptions: { ...compilerOptions, ...tsconfigs[name] }, files: ['consumer.ts'] });
  sh(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', tsconfig], project);
  step(`types under moduleResolution ${name}`);
}

function check(scratch) {
  if (!existsSync(join(root, 'dist/index.js'))) throw new Error('dist/index.js is missing: run npm run build first');
  const [packed] = JSON.parse(sh('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', scratch], root).stdout);
  const stray = packed.files.map((file) => file.path).filter((path) => !/^(dist\/.+|package\.json|README\.md|LICENSE)$/.test(path));
  if (stray.length > 0) throw new Error(`files that do not belong in the package: ${stray.join(', ')}`);
  step(`${packed.filename}: ${packed.files.length} files, ${packed.size} bytes`);

  const project = join(scratch, 'project');
  mkdirSync(project);
  writeJson(join(project, 'package.json'), { name: 'consumer', version: '0.0.0', private: true, type: 'module' });
  sh('npm', ['install', '--no-audit', '--no-fund', join(scratch, packed.filename)], project);
  for (const optional of ['@photostructure/sqlite', 'better-sqlite3', 'libsql']) {
    if (existsSync(join(project, 'node_modules', optional))) throw new Error(`${optional} is installed, though nobody asked for it`);
  }
  step('installed with nothing else');
  if (!hasNodeSqlite) installDriver(project);

  writeFileSync(
    join(project, 'import.mjs'),
    `import { action, flow, open, sleep } from 'perdure';\nimport { createTestEngine } from 'perdure/testing';\n\n${program}`,
  );
  writeFileSync(
    join(project, 'require.cjs'),
    `const { action, flow, open, sleep } = require('perdure');\nconst { createTestEngine } = require('perdure/testing');\n\n${program}`,
  );
  checkProgram(project, 'import.mjs');
  checkProgram(project, 'require.cjs');
  checkReadme(project);
  checkKit(project);

  if (skipTypes) return;
  writeFileSync(join(project, 'consumer.ts'), consumer);
  for (const name of Object.keys(tsconfigs)) checkTypes(project, name);
}

console.log(`package check on Node ${process.versions.node}, ${hasNodeSqlite ? 'node:sqlite' : '@photostructure/sqlite'}`);
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'perdure-package-')));
try {
  check(scratch);
  console.log('package check: ok');
} catch (error) {
  console.error(`package check: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
