import type { Codec } from '../../codec/codec.js';
import { KEPT_ERROR_LENGTH } from '../../journal/attempt-notes.js';
import { plainError } from '../notices/plain-value.js';

/** Characters that are left of a message that is too long. */
const MESSAGE_LENGTH = 1_000;

/** The text of an error that is kept beside its operation, whatever comes of that: a long one is kept by its name and the beginning of its message. */
export function keptError(error: unknown, codec: Codec): string {
  return keptText(codec.encodeError(error), codec);
}

/** What `keptError` makes of an error, from its text. */
export function keptText(text: string, codec: Codec): string {
  if (text.length <= KEPT_ERROR_LENGTH) return text;
  const { name, message } = plainError(codec.decodeError(text));
  const short = new Error(`${message.slice(0, MESSAGE_LENGTH)}… (shortened)`);
  short.name = name.slice(0, MESSAGE_LENGTH);
  delete short.stack;
  return codec.encodeError(short);
}
