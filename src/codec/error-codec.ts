import { ExecutionError } from '../errors/errors.js';
import { isError } from '../model/value-kinds.js';
import { decodeDefault, encodeNodes } from './default-encoding.js';
import { type ErrorParts, shortened, takeApart, thrownError } from './error-parts.js';
import { bareErrorNode, flatten } from './flatten.js';

/** For what cannot even be looked at, a revoked proxy for one. */
const UNREADABLE: ErrorParts = {
  className: 'Error',
  name: 'Error',
  hidden: [['message', 'what was thrown cannot be read']],
  fields: [],
};
/** The shortest texts an error is cut to; one that is still too long then is stored nevertheless, as losing it would be worse. */
const MIN_TEXT_LENGTH = 16;

/**
 * The text of whatever was thrown: the error, with its class where that is registered, its name, message, stack, cause, inner errors and own
 * fields. Fields and causes that cannot be stored are left out. A value that is no error becomes the cause of one.
 *
 * Beyond `maxBytes` the cause, the inner errors and the fields go, except for a short `code`; then message and stack are cut.
 */
export function encodeErrorText(thrown: unknown, maxBytes: number): string {
  let parts = UNREADABLE;
  try {
    const error = thrownError(thrown);
    const text = encodeNodes(flatten(error, { stacks: true }).nodes);
    if (fits(text, maxBytes)) return text;
    parts = takeApart(error);
  } catch {
    // Falls back to what is known.
  }
  return encodeShortened(parts, maxBytes);
}

function encodeShortened(parts: ErrorParts, maxBytes: number): string {
  for (let maxTextLength = Math.floor(maxBytes / 2); ; maxTextLength = Math.floor(maxTextLength / 2)) {
    const text = encodeNodes([bareErrorNode(shortened(parts, Math.max(maxTextLength, MIN_TEXT_LENGTH)))]);
    if (fits(text, maxBytes) || maxTextLength <= MIN_TEXT_LENGTH) return text;
  }
}

function fits(text: string, maxBytes: number): boolean {
  return text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes;
}

/**
 * The error of such a text.
 *
 * @throws {ExecutionError} `VALUE_UNREADABLE` when the text was made in another way.
 */
export function decodeErrorText(text: string): Error {
  let error: unknown;
  try {
    error = decodeDefault(text);
  } catch (cause) {
    throw new ExecutionError('VALUE_UNREADABLE', `a stored error cannot be read: ${String(text).slice(0, 100)}`, { cause });
  }
  if (!isError(error)) throw new ExecutionError('VALUE_UNREADABLE', `a stored error is none: ${text.slice(0, 100)}`);
  return error;
}
