// Uses the packed library in projects of jest (CommonJS), webpack, NestJS and Next.js in development, as their users do.
//
//   node test/tools/check-tools.mjs [jest] [webpack] [nest] [next]
//
// Installs those tools into a project elsewhere, in the versions of package.json beside this file. Needs `npm run build` first.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));
const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const fromRoot = ['@photostructure/sqlite', 'typescript', '@types/node'].map((name) => `${name}@${devDependencies[name]}`);

function sh(command, args, cwd, env = {}) {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, ...env }, timeout: 300_000 });
  if (done.error) throw done.error;
  if (done.status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${done.signal ?? done.status}\n${done.stdout}${done.stderr}`);
  return done;
}

function expectPrinted(what, printed, expected) {
  if (printed.trim() !== expected) throw new Error(`${what} printed ${JSON.stringify(printed)}, expected ${JSON.stringify(expected)}`);
}

function checkJest(project) {
  const { stderr } = sh('npx', ['--no-install', 'jest', '--rootDir', 'jest', '--ci'], project);
  if (!/^Tests: +3 passed, 3 total$/m.test(stderr)) throw new Error(`jest printed ${stderr}`);
}

function checkWebpack(project) {
  const { stdout } = sh('npx', ['--no-install', 'webpack', '--config', 'webpack/webpack.config.cjs'], project);
  if (/WARNING|ERROR/.test(stdout)) throw new Error(`webpack printed ${stdout}`);
  expectPrinted('the bundle', sh(process.execPath, ['webpack/out/main.mjs', 'webpack.db'], project).stdout, '42');
}

function checkNest(project) {
  sh('npx', ['--no-install', 'tsc', '-p', 'nest'], project);
  expectPrinted('NestJS', sh(process.execPath, ['nest/out/main.js', 'nest.db'], project).stdout, 'book: 4, book: 4, pen: 3');
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** The answer of a server, which may still be starting. */
async function answerOf(url) {
  for (const end = Date.now() + 120_000; ; await pause(250)) {
    try {
      return await (await fetch(url)).text();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

function expectAnswer(url, answer, expected) {
  if (answer !== JSON.stringify(expected))
    throw new Error(`${url} answered ${answer.slice(0, 2_000)}, expected ${JSON.stringify(expected)}`);
}

/** A flow is edited while the server runs: the next run takes the new code, on the engine that is open. */
async function checkNext(project) {
  const cwd = join(project, 'next');
  const port = await freePort();
  const env = { ...process.env, PERDURE_HOT_RELOAD: '1', NEXT_TELEMETRY_DISABLED: '1' };
  const next = join(project, 'node_modules/next/dist/bin/next');
  const server = spawn(process.execPath, [next, 'dev', '-H', '127.0.0.1', '-p', String(port)], {
    cwd,
    env,
    detached: true,
    stdio: 'ignore',
  });
  try {
    const book = `http://127.0.0.1:${port}/api/orders/book`;
    expectAnswer(book, await answerOf(book), { result: 'book costs 1' });
    const file = join(cwd, 'flows/orders.js');
    writeFileSync(file, readFileSync(file, 'utf8').replace('costs 1', 'costs 2'));
    // The server takes some time to see the edit.
    let [pen, answer] = ['', ''];
    for (let n = 0; n < 240 && !answer.includes('costs 2'); n += 1) {
      await pause(250);
      pen = `http://127.0.0.1:${port}/api/orders/pen-${n}`;
      answer = await answerOf(pen);
    }
    expectAnswer(pen, answer, { result: `${pen.split('/').at(-1)} costs 2` });
    expectAnswer(book, await answerOf(book), { result: 'book costs 1' });
  } finally {
    process.kill(-server.pid, 'SIGKILL');
  }
}

const checks = { jest: checkJest, webpack: checkWebpack, nest: checkNest, next: checkNext };
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(checks);
if (!existsSync(join(root, 'dist/index.js'))) throw new Error('dist/index.js is missing: run npm run build first');
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'perdure-tools-')));
try {
  const [packed] = JSON.parse(sh('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', scratch], root).stdout);
  const project = join(scratch, 'project');
  cpSync(here, project, { recursive: true });
  sh('npm', ['install', '--no-audit', '--no-fund', join(scratch, packed.filename), ...fromRoot], project);
  for (const name of names) {
    await checks[name](project);
    console.log(`  - ${name}`);
  }
  console.log(`tools check on Node ${process.versions.node}: ok`);
} catch (error) {
  console.error(`tools check: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
