import type { LogFields, Logger } from '../model/logger.js';
import { type PlainValue, plainField } from '../runtime/notices/plain-value.js';

/** What a line says. */
export interface LogEntry {
  readonly level: keyof Logger;
  readonly timeMs: number;
  readonly message: string;
  readonly fields: LogFields;
}

/** One JSON object. Level, time and message come first, and are the logger's own whatever fields there are. */
export function jsonLine({ level, timeMs, message, fields }: LogEntry): string {
  const own = { level, time: new Date(timeMs).toISOString(), message };
  return JSON.stringify({ ...own, ...plainFields(fields), ...own });
}

/** For people: time, level, message and fields on one line, and the stacks of errors below it. */
export function terminalLine({ level, timeMs, message, fields }: LogEntry, colours: boolean): string {
  const paint = colours ? painted : plainly;
  const shown: string[] = [];
  const stacks: string[] = [];
  for (const [name, value] of Object.entries(plainFields(fields))) {
    const stack = stackOf(value);
    if (stack === undefined) shown.push(`${name}=${typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`);
    else stacks.push(stack);
  }
  const head = `${paint('dim', clockTime(timeMs))} ${paint(level, level.toUpperCase().padEnd(5))} ${indented(message)}`;
  const line = shown.length === 0 ? head : `${head}  ${paint('dim', visible(shown.join(' ')))}`;
  return [line, ...stacks.map((stack) => paint('dim', `    ${indented(stack)}`))].join('\n');
}

function plainFields(fields: LogFields): Record<string, PlainValue> {
  const shown: (readonly [string, PlainValue])[] = [];
  for (const [name, value] of Object.entries(fields)) {
    const plain = plainField(value);
    if (plain !== undefined) shown.push([name, plain]);
  }
  return Object.fromEntries(shown);
}

/** The stack of an error, and of those that caused it; `undefined` for what is none. */
function stackOf(value: PlainValue): string | undefined {
  if (!isRecord(value)) return undefined;
  const { name, message, stack, code, cause, errors } = value;
  if (typeof name !== 'string' || typeof message !== 'string' || typeof stack !== 'string') return undefined;
  const told = stack.includes(message) ? stack : `${name}: ${message}\n${stack}`;
  const parts = [code === undefined ? told : `${told}\n(code ${code})`];
  if (cause !== undefined) parts.push(`caused by ${stackOf(cause) ?? JSON.stringify(cause)}`);
  if (Array.isArray(errors)) for (const one of errors as PlainValue[]) parts.push(`with ${stackOf(one) ?? JSON.stringify(one)}`);
  return parts.join('\n');
}

function isRecord(value: PlainValue): value is { readonly [key: string]: PlainValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** In local time: `14:03:07.125`. */
function clockTime(timeMs: number): string {
  const time = new Date(timeMs);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}

/** Further lines begin further in than the first. */
function indented(text: string): string {
  return text.split('\n').map(visible).join('\n    ');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g;

/** A terminal does what control characters say, wherever they come from. */
function visible(text: string): string {
  return text.replace(CONTROL, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

const COLOURS: Readonly<Record<keyof Logger | 'dim', readonly [number, number]>> = {
  dim: [2, 22],
  debug: [2, 22],
  info: [36, 39],
  warn: [33, 39],
  error: [31, 39],
};

type Paint = (colour: keyof typeof COLOURS, text: string) => string;

const plainly: Paint = (_colour, text) => text;

const painted: Paint = (colour, text) => {
  const [on, off] = COLOURS[colour];
  return `\u001b[${on}m${text}\u001b[${off}m`;
};
