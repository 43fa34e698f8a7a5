import { open } from 'perdure';
import { describe, expect, test } from 'vitest';
import { createTestEngine } from '../../src/testing.js';
import { runChild } from '../api/run-child.js';
import { openEngine } from '../api/with-engine.js';
import { tempDirectory } from '../store/temp-directory.js';

/** The line of a program that ends. */
async function linesAtExit(program: string): Promise<{ out: string; lines: { level: string; message: string; runIds?: string[] }[] }> {
  const { stdout, stderr } = await runChild('pending-at-exit.ts', { args: [program, tempDirectory()] });
  const lines = stderr.split('\n').filter((line) => line.includes('the process ends'));
  return { out: stdout.trim(), lines: lines.map((line) => JSON.parse(line)) };
}

const THERE = 'a run that nothing here can bring to an end: ';

describe('a process that ends by itself says what its code waits for in vain, in one line:', () => {
  test.each<[string, string]>([
    ['event', `${THERE}flow "approve" (run run), which waits for event "ok" (0). `],
    ['callback', `${THERE}flow "answer" (run run), which waits for event "callback" (0). `],
    ['child', `${THERE}flow "parent" (run run), which waits for flow "approve" (0). `],
    ['action', `${THERE}flow "hanging" (run run), which waits for action "hang" (0). `],
    ['stuck', `${THERE}flow "stuck" (run run), which waits for nothing durable. `],
    ['future', `${THERE}flow "approve" (run run), which waits for event "ok" (0). `],
    ['evicted', `${THERE}flow "approve" (run run), which sleeps until something comes for it. `],
    ['wait()', `${THERE}flow "approve" (run run), which waits for event "ok" (0). `],
    ['implicit', `${THERE}flow "approve" (run run), which waits for event "ok" (0). `],
    ['busy at the end', `${THERE}flow "approve" (run run), which waits for event "ok" (0). `],
  ])('%s', async (program, message) => {
    const { lines } = await linesAtExit(program);
    expect(lines).toMatchObject([{ level: 'warn', message: expect.stringContaining(message), runIds: ['run'], runs: 1 }]);
  });

  test('of many it names a few', async () => {
    const { lines } = await linesAtExit('several');
    expect(lines).toMatchObject([{ runs: 5, runIds: ['run-1', 'run-2', 'run-3'] }]);
    expect(lines[0]?.message).toMatch(/waits for 5 runs .*\(run run-3\), which waits for event "ok" \(0\) and 2 more\. /);
  });
});

describe('a program that comes to its end is let go without a word:', () => {
  test.each(['closed', 'unawaited', 'idle', 'closes at exit', 'limited', 'timer', 'kit'])('%s', async (program) => {
    expect(await linesAtExit(program)).toEqual({ out: 'done', lines: [] });
  });
});

describe('Node is listened to', () => {
  const listeners = (): number => process.listenerCount('beforeExit');

  test('once, while engines are open', async () => {
    const before = listeners();
    const { engine } = await openEngine();
    expect(listeners()).toBe(before + 1);
    const { engine: other } = await openEngine();
    expect(listeners()).toBe(before + 1);
    await engine.close();
    await other.close();
    expect(listeners()).toBe(before);
  });

  test('not after a failed open(), nor for the testing kit', async () => {
    const before = listeners();
    await expect(open({ store: '/dev/null/app.db', default: false })).rejects.toThrow();
    expect(listeners()).toBe(before);
    const kit = createTestEngine();
    expect(listeners()).toBe(before);
    await kit.close();
  });
});
