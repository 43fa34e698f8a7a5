import type { Codec } from '../codec/codec.js';
import { KEPT_ERROR_LENGTH } from '../journal/attempt-notes.js';
import { plainError } from './events.js';

/** Characters that are left of a message that is too long. */
const MESSAGE_LENGTH = 1_000;

/** The text of an error that is kept beside its operation, whatever comes of that: a long one is kept by its name and the beginning of its message. */
export function keptError(error: unknown, codec: Codec): string {
  const text = codec.encodeError(error);
  if (text.length <= KEPT_ERROR_LENGTH) return text;
  const { name, message } = plainError(error);
  const short = new Error(`${message.slice(0, MESSAGE_LENGTH)}… (shortened)`);
  short.name = name.slice(0, MESSAGE_LENGTH);
  delete short.stack;
  return codec.encodeError(short);
}
