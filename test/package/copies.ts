import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import manifest from '../../package.json' with { type: 'json' };

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAMS = fileURLToPath(new URL('copies', import.meta.url));
const run = promisify(execFile);

/** What a program has printed, a JSON value a line. */
export interface Outcome {
  readonly lines: readonly unknown[];
  readonly stderr: string;
}

/**
 * A monorepo whose packages have each a copy of the built library of their own: `app` and `plugin` the same version, `old` another one. The programs of
 * `copies/` lie in `app`, and import the modules of the others.
 */
export class Monorepo {
  readonly directory: string = realpathSync(mkdtempSync(join(tmpdir(), 'perdure-copies-')));
  readonly oldVersion = `${manifest.version}-old`;
  readonly version: string = manifest.version;

  async build(): Promise<void> {
    const built = this.pathOf('app');
    await run(process.execPath, [join(ROOT, 'node_modules/tsup/dist/cli-default.js'), '--no-dts', '--out-dir', join(built, 'dist')], {
      cwd: ROOT,
    });
    cpSync(join(ROOT, 'package.json'), join(built, 'package.json'));
    // What the library depends on is there once.
    symlinkSync(join(ROOT, 'node_modules'), join(this.directory, 'node_modules'));
    for (const other of ['plugin', 'old']) cpSync(built, this.pathOf(other), { recursive: true });
    this.#makeOld();
    cpSync(PROGRAMS, this.directory, { recursive: true });
  }

  /** Where the copy of a package lies. */
  pathOf(name: string): string {
    return join(this.directory, name, 'node_modules/perdure');
  }

  /** Gives a package a driver of its own: a SQLite that knows nothing of the others in the process. */
  addDriver(name: string, driver: string): void {
    const folders = driver === 'libsql' ? ['libsql', '@libsql'] : [driver];
    for (const folder of folders) {
      cpSync(join(ROOT, 'node_modules', folder), join(this.directory, name, 'node_modules', folder), { recursive: true });
    }
  }

  /** Runs a program in a directory of its own to its end. @throws when it does not end with 0. */
  async run(program: string, ...args: string[]): Promise<Outcome> {
    const cwd = mkdtempSync(join(this.directory, 'run-'));
    const { stdout, stderr } = await run(process.execPath, [join(this.directory, program), ...args], { cwd, timeout: 15_000 });
    const lines = stdout.split('\n').filter((line) => line !== '');
    return { lines: lines.map((line) => JSON.parse(line) as unknown), stderr };
  }

  delete(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #makeOld(): void {
    const dist = join(this.pathOf('old'), 'dist');
    let changed = 0;
    for (const name of readdirSync(dist).filter((file) => file.endsWith('.js'))) {
      const text = readFileSync(join(dist, name), 'utf8');
      const old = text.replace(`{ version: "${this.version}" }`, `{ version: "${this.oldVersion}" }`);
      if (old !== text) changed += 1;
      writeFileSync(join(dist, name), old);
    }
    if (changed !== 1) throw new Error(`${changed} files of the build have the version, and one should`);
  }
}
