import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtProgram } from '../built-program.js';
import type { Fault, Round } from './children/io-child.js';
import { ALL, turns } from './turns.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SHIM = fileURLToPath(new URL('failing-io.c', import.meta.url));
const CHILD = fileURLToPath(new URL('children/io-child.ts', import.meta.url));

/** A machine that has more to do takes longer. */
const LIMIT_MS = ALL ? 1_800_000 : 120_000;

const NEVER = 1_000_000_000;
const [EIO, EMFILE, ENOSPC] = [5, 24, 28];
/** Kinds of calls, as the shim numbers them. */
const [OPENS, READS, WRITES, SYNCS, CHANGES, LOCKS] = [1, 2, 4, 8, 16, 32];
const EVERY = OPENS + READS + WRITES + SYNCS + CHANGES + LOCKS;

const has = (command: string): boolean => spawnSync(command, ['--version']).status === 0;

const why = process.platform !== 'linux' ? 'only Linux preloads libraries this way' : has('gcc') ? undefined : 'there is no C compiler';
const title = `calls of the operating system that fail${why === undefined ? '' : ` (left out: ${why})`}`;

describe.skipIf(why !== undefined)(title, { timeout: LIMIT_MS }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'perdure-io-'));
  let ask: (fault: Fault) => Promise<Round>;
  let end: () => Promise<unknown>;

  beforeAll(async () => {
    const [library, steering, prefix] = ['io.so', 'steering', 'store-'].map((name) => join(directory, name)) as [string, string, string];
    execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', library, SHIM, '-ldl']);
    writeFileSync(steering, Buffer.alloc(20));
    const env = { ...process.env, LD_PRELOAD: library, PERDURE_IO_STORE: prefix, PERDURE_IO_CONTROL: steering };
    const child = spawn(process.execPath, [builtProgram(CHILD), prefix, steering], { cwd: ROOT, env, stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    ask = async (fault) => {
      child.stdin.write(`${JSON.stringify(fault)}\n`);
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the process ended with ${child.exitCode} while ${JSON.stringify(fault)}`);
      return JSON.parse(value) as Round;
    };
    const ended = new Promise((resolve) => child.on('close', resolve));
    end = () => {
      child.stdin.end();
      return ended;
    };
  }, LIMIT_MS);

  afterAll(async () => {
    await end();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Plays a round in which all must go well; the file is sound afterwards. */
  async function play(fault: Fault): Promise<Round> {
    const round = await ask(fault);
    expect({ fault, wrong: round.wrong, said: round.said }).toEqual({ fault, wrong: [], said: round.said });
    if (has('sqlite3')) expect(execFileSync('sqlite3', [round.store, 'PRAGMA integrity_check'], { encoding: 'utf8' }).trim()).toBe('ok');
    return round;
  }

  /** How many calls a round makes. */
  const count = async (kinds: number): Promise<number> => (await play({ kinds, first: NEVER, length: 1, errno: EIO })).seen;

  test.each([
    ['a read, a write, a sync or a lock, with an error of the disk', EVERY, EIO, 1, 37],
    ['some in a row, with an error of the disk', EVERY, EIO, 6, 61],
    ['some in a row, with a full disk', WRITES + SYNCS + CHANGES, ENOSPC, 4, 29],
    ['an opening, with descriptors that are used up', OPENS, EMFILE, 2, 4],
  ] as const)('%s: every run comes to its end, and nothing acknowledged is lost or done again', async (_, kinds, errno, length, step) => {
    const seen = await count(kinds);
    for (const first of turns(step, seen)) {
      const { acknowledged, ended } = await play({ kinds, first, length, errno });
      expect({ first, acknowledged, ended }).toEqual({ first, acknowledged: 3, ended: false });
    }
  });

  test('a disk that stays full: the engine ends, and another goes on when there is room', async () => {
    for (const first of ALL ? [1, 20, 40, 60, 80] : [20]) {
      const round = await play({ kinds: WRITES + SYNCS + CHANGES, first, length: NEVER, errno: ENOSPC, whenOpen: true });
      expect(round.ended).toBe(true);
      expect(round.said.filter((line) => line.startsWith('the engine has stopped'))).toHaveLength(1);
    }
  });

  test('a disk that is gone: the engine ends, and another goes on when it is back', async () => {
    for (const first of ALL ? [1, 20, 40, 60] : [30]) {
      const round = await play({ kinds: EVERY - LOCKS, first, length: NEVER, errno: EIO, whenOpen: true });
      expect(round.ended).toBe(true);
    }
  });
});
