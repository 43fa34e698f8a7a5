import type { LogFields, Logger } from 'perdure';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { defaultLogger, guarded } from '../../src/engine/default-logger.js';
import { contextLogger } from '../../src/runtime/notices/context-logger.js';
import { settle } from '../api/with-engine.js';

/** The lines that come to standard error during a test. */
function linesOnStandardError(): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const written = vi.spyOn(process.stderr, 'write').mockImplementation((line) => {
    lines.push(JSON.parse(String(line)) as Record<string, unknown>);
    return true;
  });
  onTestFinished(() => written.mockRestore());
  return lines;
}

function throws(): never {
  throw new Error('not loaded');
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function nested(depth: number): object {
  let value: object = {};
  for (let level = 0; level < depth; level += 1) value = { value };
  return value;
}

const UNREADABLE = '[unreadable: not loaded]';

describe('a line of the default logger', () => {
  test.each<[string, () => unknown, Record<string, unknown>]>([
    [
      'a field that throws',
      () => ({
        get order() {
          return throws();
        },
        id: 7,
      }),
      { order: UNREADABLE, id: 7 },
    ],
    ['a field with a toJSON that throws', () => ({ order: { toJSON: throws }, id: 7 }), { order: UNREADABLE, id: 7 }],
    [
      'a field that throws further in',
      () => ({
        order: {
          get customer() {
            return throws();
          },
        },
        id: 7,
      }),
      { order: UNREADABLE, id: 7 },
    ],
    ['a field that is a revoked proxy', () => ({ order: revoked(), id: 7 }), { order: expect.stringMatching(/^\[unreadable: /), id: 7 }],
    ['fields that are a revoked proxy', revoked, { fields: expect.stringMatching(/^\[unreadable: /) }],
    ['a toJSON of all fields that throws', () => ({ toJSON: throws, id: 7 }), { id: 7 }],
    ['a toJSON of all fields', () => ({ toJSON: () => 'all', id: 7 }), { id: 7 }],
    ['no fields', () => undefined, {}],
  ])('is written with %s', (_what, fields, shown) => {
    const lines = linesOnStandardError();
    contextLogger(defaultLogger, { runId: 'run' }).info('said', fields() as LogFields);
    expect(lines).toStrictEqual([expect.objectContaining({ level: 'info', message: 'said', runId: 'run', ...shown })]);
  });

  test.each([1_000, 100_000])('shows the upper part of what is nested %d deep', (depth) => {
    const lines = linesOnStandardError();
    defaultLogger.info('said', { deep: nested(depth), id: 7 });
    expect(lines).toMatchObject([{ deep: { value: { value: {} } }, id: 7 }]);
    expect(JSON.stringify(lines)).toContain('"[nested too deeply]"');
  });

  test('shows what JSON cannot hold as text', () => {
    const lines = linesOnStandardError();
    defaultLogger.info('said', { big: 1n, symbol: Symbol('s'), nothing: undefined, list: [2n, undefined] });
    expect(lines).toStrictEqual([
      { level: 'info', time: expect.any(String), message: 'said', big: '1', symbol: 'Symbol(s)', list: ['2', null] },
    ]);
  });

  test('shows where a value contains itself, beside errors with causes as well', () => {
    const lines = linesOnStandardError();
    const order: Record<string, unknown> = { error: new Error('outer', { cause: new Error('inner') }) };
    order.self = order;
    defaultLogger.info('said', { order, again: order });
    const shown = { error: { message: 'outer', cause: { message: 'inner' } }, self: '[circular]' };
    expect(lines).toMatchObject([{ order: shown, again: shown }]);
  });

  test('keeps its own level, time and message', () => {
    const lines = linesOnStandardError();
    defaultLogger.warn('said', { level: 'none', time: 'never', message: 'a field' });
    expect(lines).toStrictEqual([{ level: 'warn', time: expect.stringMatching(/^\d{4}-/), message: 'said' }]);
  });
});

describe("a user's logger that fails", () => {
  const all = (log: (message: string, fields?: LogFields) => void): Logger => ({ debug: log, info: log, warn: log, error: log });

  test.each<[string, (message: string, fields?: LogFields) => void]>([
    ['throws', throws],
    ['returns a promise that rejects', async () => throws()],
  ])('as it %s is reported with the line', async (_how, log) => {
    const lines = linesOnStandardError();
    guarded(all(log)).warn('said', { id: 7 });
    await settle();
    expect(lines).toMatchObject([{ level: 'warn', message: 'said', id: 7, loggerFailed: { name: 'Error', message: 'not loaded' } }]);
  });

  test('at fields that cannot be read is reported with those that can', () => {
    const lines = linesOnStandardError();
    const fields = {
      get order() {
        return throws();
      },
      id: 7,
    };
    guarded(all((_message, given) => void { ...given })).info('said', fields);
    expect(lines).toMatchObject([{ order: UNREADABLE, id: 7, loggerFailed: { message: 'not loaded' } }]);
  });
});

test('the identity of the run wins over fields of the same names', () => {
  const lines = linesOnStandardError();
  contextLogger(defaultLogger, { runId: 'run', flow: 'flow' }).info('said', { runId: 'mine', extra: 1 });
  expect(lines).toMatchObject([{ runId: 'run', flow: 'flow', extra: 1 }]);
});
