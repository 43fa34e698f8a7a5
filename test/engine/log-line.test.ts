import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { defaultLogger } from '../../src/engine/default-logger.js';
import { jsonLine, type LogEntry, terminalLine } from '../../src/engine/log-line.js';

const TIME = new Date(2030, 0, 2, 14, 3, 7, 125);

function entry(given: Partial<LogEntry>): LogEntry {
  return { level: 'warn', timeMs: TIME.getTime(), message: 'said', fields: {}, ...given };
}

const cause = { status: 503, body: 'busy' };
const error = Object.assign(new TypeError('outer', { cause: new Error('inner', { cause }) }), { stack: 'TypeError: outer\n    at there' });
(error.cause as Error).stack = 'Error: inner\n    at here';

describe('a line of JSON', () => {
  test('has level, time and message first, and what is in maps, sets and causes', () => {
    const fields = { level: 'mine', map: new Map([['k', 1]]), set: new Set([1]), error, nothing: undefined };
    const line = jsonLine(entry({ fields }));
    expect(line.startsWith(`{"level":"warn","time":"${TIME.toISOString()}","message":"said"`)).toBe(true);
    expect(JSON.parse(line)).toStrictEqual({
      level: 'warn',
      time: TIME.toISOString(),
      message: 'said',
      map: { k: 1 },
      set: [1],
      error: {
        name: 'TypeError',
        message: 'outer',
        stack: error.stack,
        cause: { name: 'Error', message: 'inner', stack: 'Error: inner\n    at here', cause },
      },
    });
  });
});

describe('a line for people', () => {
  test('has the time of the day, the level, the message and the fields', () => {
    const fields = { runId: 'r1', attempt: 1, text: 'two words', empty: '', list: [1, new Map([['k', 1]])], nothing: undefined };
    expect(terminalLine(entry({ fields }), false)).toBe(
      '14:03:07.125 WARN  said  runId=r1 attempt=1 text="two words" empty="" list=[1,{"k":1}]',
    );
    expect(terminalLine(entry({ level: 'error' }), false)).toBe('14:03:07.125 ERROR said');
  });

  test('is followed by the stacks of errors and of what caused them', () => {
    const code = Object.assign(new Error('coded'), { code: 'E_CODE', stack: 'Error: coded\n    at code' });
    const both = Object.assign(new AggregateError([code, 7], 'both'), { stack: 'AggregateError: both\n    at both' });
    expect(terminalLine(entry({ fields: { id: 1, error, both } }), false).split('\n')).toStrictEqual([
      '14:03:07.125 WARN  said  id=1',
      '    TypeError: outer',
      '        at there',
      '    caused by Error: inner',
      '        at here',
      '    caused by {"status":503,"body":"busy"}',
      '    AggregateError: both',
      '        at both',
      '    with Error: coded',
      '        at code',
      '    (code E_CODE)',
      '    with 7',
    ]);
  });

  test('indents the further lines of a message, and shows control characters', () => {
    const fields = { name: 'a\u001b[2Jb', key: 'c\u009bd' };
    expect(terminalLine(entry({ message: 'first\nsecond\u0007\r', fields }), false).split('\n')).toStrictEqual([
      '14:03:07.125 WARN  first',
      '    second\\x07\\x0d  name=a\\x1b[2Jb key=c\\x9bd',
    ]);
  });

  test('has colours where they are wanted, and the level in words all the same', () => {
    const line = terminalLine(entry({ fields: { id: 1 } }), true);
    expect(line).toContain('\u001b[33mWARN \u001b[39m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
    expect(line.replace(/\u001b\[\d+m/g, '')).toBe('14:03:07.125 WARN  said  id=1');
  });
});

describe('the default logger', () => {
  /** What comes to standard error, as if that were a terminal or not. */
  function standardError(isTTY: boolean, env: Record<string, string> = {}): string[] {
    const lines: string[] = [];
    const before = ['isTTY', 'hasColors'].map((key) => [key, Object.getOwnPropertyDescriptor(process.stderr, key)] as const);
    const hasColors = (): boolean => env.NO_COLOR === undefined;
    Object.defineProperties(process.stderr, {
      isTTY: { value: isTTY, configurable: true },
      hasColors: { value: hasColors, configurable: true },
    });
    const written = vi.spyOn(process.stderr, 'write').mockImplementation((line) => {
      lines.push(String(line));
      return true;
    });
    onTestFinished(() => {
      written.mockRestore();
      for (const [key, descriptor] of before) {
        if (descriptor === undefined) Reflect.deleteProperty(process.stderr, key);
        else Object.defineProperty(process.stderr, key, descriptor);
      }
    });
    return lines;
  }

  test('writes for people to a terminal', () => {
    const lines = standardError(true, { NO_COLOR: '1' });
    defaultLogger.info('said', { id: 1 });
    expect(lines).toStrictEqual([expect.stringMatching(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}said {2}id=1\n$/)]);
  });

  test('writes colours to a terminal that has them', () => {
    const lines = standardError(true);
    defaultLogger.info('said');
    expect(lines).toStrictEqual([expect.stringContaining('\u001b[36mINFO \u001b[39m said')]);
  });

  test('writes JSON elsewhere', () => {
    const lines = standardError(false);
    defaultLogger.error('said', { id: 1 });
    expect(lines.map((line) => JSON.parse(line))).toStrictEqual([{ level: 'error', time: expect.any(String), message: 'said', id: 1 }]);
  });
});
