import { hash } from 'node:crypto';
import { ExecutionError, UsageError } from '../errors/errors.js';
import { ignoreRejection } from '../model/ignored-rejection.js';
import { describeKind } from '../model/value-kinds.js';
import { isStorable } from '../options/read-options.js';
import { decodeDefault, digestText, encodeDefault, flattenedText } from './default-encoding.js';
import { decodeErrorText, encodeErrorText } from './error-codec.js';
import { sameValue } from './same-value.js';
import type { Serdes } from './serdes.js';
import { Refusal, renderRefusal } from './value-path.js';

/** What a codec is made of. */
export interface CodecOptions {
  /** The most an encoded value may have, in bytes of UTF-8. */
  readonly maxValueBytes: number;
  /** How values become text, in place of perdure's own encoding. Errors always use the latter. */
  readonly serdes?: Serdes | undefined;
  /** Calls a function of a serdes. Default: just so. */
  readonly callSerdes?: CallSerdes;
}

type CallSerdes = <T>(call: () => T) => T;

const justCall: CallSerdes = (call) => call();

/** Where a value comes from: code was to `Return` it, or to `Pass` it to a call. */
export type ValueVerb = 'Return' | 'Pass';

const adviceTo = (verb: ValueVerb): string => `${verb} plain data, register error classes with registerError(), or give a \`serdes\`.`;
/** 132 bits: enough to tell the inputs of one run apart. */
const DIGEST_LENGTH = 22;

/** Turns values and errors into the texts that a store keeps, and back. */
export class Codec {
  readonly #maxValueBytes: number;
  readonly #serdes: Serdes | undefined;
  readonly #callSerdes: CallSerdes;
  /** A codec with the same limits and perdure's own encoding: for what no user sees, such as the outcome of a timer. */
  readonly own: Codec;

  constructor(options: CodecOptions) {
    this.#maxValueBytes = options.maxValueBytes;
    this.#serdes = options.serdes;
    this.#callSerdes = options.callSerdes ?? justCall;
    this.own = options.serdes === undefined ? this : new Codec({ maxValueBytes: options.maxValueBytes });
  }

  /** A codec with the same limits and another serdes; this one when there is none. */
  withSerdes(serdes: Serdes | undefined): Codec {
    return serdes === undefined ? this : new Codec({ maxValueBytes: this.#maxValueBytes, serdes, callSerdes: this.#callSerdes });
  }

  /**
   * The text of a value.
   *
   * @param describe - Says what the value is, for messages: `the result of action "charge" (run …, operation 3)`.
   * @param verb - What the code is to do with a better one.
   * @throws {UsageError} when the value could not come back as it is, or its serdes failed (`VALUE_NOT_SERIALIZABLE`), when the text is too long
   * (`VALUE_TOO_LARGE`), and when the serdes made no text (`INVALID_OPTION`).
   */
  encode(value: unknown, describe: () => string, verb: ValueVerb = 'Return'): string {
    try {
      const text = this.#serdes === undefined ? encodeOwn(value, describe, verb) : this.#encodeWith(this.#serdes, value, describe, verb);
      // No character takes more than three bytes, so most texts need no counting.
      if (text.length * 3 > this.#maxValueBytes) this.#checkSize(text, describe);
      return text;
    } catch (refusal) {
      ignoreRejection(value);
      throw refusal;
    }
  }

  /**
   * The value of a text that `encode` made: a copy that shares nothing with the original.
   *
   * @throws {ExecutionError} `VALUE_UNREADABLE` when the text was made in another way, and when the serdes throws or returns a promise.
   */
  decode(text: string): unknown {
    let value: unknown;
    try {
      const serdes = this.#serdes;
      value = serdes === undefined ? decodeDefault(text) : this.#callSerdes(() => serdes.deserialize(text));
    } catch (cause) {
      const how = this.#serdes === undefined ? "perdure's own encoding" : 'the given `serdes`';
      throw new ExecutionError(
        'VALUE_UNREADABLE',
        `a stored value cannot be read with ${how}: ${messageOf(cause)}. Was it written with another \`serdes\`, or another key? Use the one it was written with.`,
        { cause },
      );
    }
    if (value instanceof Promise) throw promisedValue(value);
    return value;
  }

  /**
   * As `decode`, of arguments.
   *
   * @throws {ExecutionError} `VALUE_UNREADABLE`, also when the serdes brings back something else than the array it was given.
   */
  decodeArguments(text: string): readonly unknown[] {
    const value = this.decode(text);
    if (Array.isArray(value)) return value;
    throw new ExecutionError(
      'VALUE_UNREADABLE',
      `stored arguments cannot be read: \`deserialize\` of the given \`serdes\` returned ${describeKind(value)} for what was an array. It must return what \`serialize\` was given.`,
    );
  }

  /**
   * The text of whatever was thrown. It never throws: what cannot be stored is left out, and an error beyond the limit is shortened.
   */
  encodeError(thrown: unknown): string {
    return encodeErrorText(thrown, this.#maxValueBytes);
  }

  /**
   * The error of a text that `encodeError` made. Every call makes a new one.
   *
   * @throws {ExecutionError} `VALUE_UNREADABLE` when the text was made in another way.
   */
  decodeError(text: string): Error {
    return decodeErrorText(text);
  }

  /**
   * Whether two texts that `encode` made stand for the same value; the order of object keys does not count.
   *
   * @throws {UsageError} as `decode` does.
   */
  sameValue(a: string, b: string): boolean {
    return a === b || sameValue(this.decode(a), this.decode(b));
  }

  /**
   * Whether two texts that `encodeError` made stand for the same error, wherever each was made.
   *
   * @throws {StorageError} as `decodeError` does.
   */
  sameError(a: string, b: string): boolean {
    return a === b || sameValue(this.decodeError(a), this.decodeError(b));
  }

  /**
   * What an operation's input is recognised by on replay.
   *
   * @param value - The input, unchanged since it was encoded.
   * @param text - What `encode` made of it. A serdes may make another one each time (encryption does), so then the value counts and not the text.
   */
  digest(value: unknown, text: string): string {
    const stable = this.#serdes === undefined ? digestText(value, text) : flattenedText(value);
    return hash('sha256', stable, 'base64url').slice(0, DIGEST_LENGTH);
  }

  #encodeWith(serdes: Serdes, value: unknown, describe: () => string, verb: ValueVerb): string {
    let text: unknown;
    try {
      text = this.#callSerdes(() => serdes.serialize(value));
    } catch (cause) {
      throw new UsageError(
        'VALUE_NOT_SERIALIZABLE',
        `${describe()} cannot be stored: its serdes failed: ${messageOf(cause)}. Mend \`serialize\`, or ${verb.toLowerCase()} what it can write.`,
        { cause },
      );
    }
    if (typeof text === 'string') {
      if (isStorable(text)) return text;
      throw new UsageError(
        'VALUE_NOT_SERIALIZABLE',
        `${describe()} cannot be stored: the text of its serdes has a NUL or half a surrogate pair in it. Encode bytes as base64.`,
      );
    }
    ignoreRejection(text);
    throw new UsageError(
      'INVALID_OPTION',
      `${describe()} cannot be stored: \`serialize\` of its serdes returned ${describeKind(text)}. It must return a text, at once and not as a promise.`,
    );
  }

  #checkSize(text: string, describe: () => string): void {
    const bytes = Buffer.byteLength(text);
    if (bytes <= this.#maxValueBytes) return;
    throw new UsageError(
      'VALUE_TOO_LARGE',
      `${describe()} takes ${bytes} bytes; the limit is ${this.#maxValueBytes}. Store it elsewhere and pass a reference to it, or raise \`maxValueBytes\`.`,
    );
  }
}

function encodeOwn(value: unknown, describe: () => string, verb: ValueVerb): string {
  try {
    return encodeDefault(value);
  } catch (error) {
    if (error instanceof Refusal) {
      throw new UsageError('VALUE_NOT_SERIALIZABLE', `${describe()} cannot be stored: ${renderRefusal(error)}. ${adviceTo(verb)}`);
    }
    // A getter or a proxy's trap.
    throw new UsageError(
      'VALUE_NOT_SERIALIZABLE',
      `${describe()} cannot be stored: reading it failed: ${messageOf(error)}. ${adviceTo(verb)}`,
      {
        cause: error,
      },
    );
  }
}

function promisedValue(promise: Promise<unknown>): ExecutionError {
  ignoreRejection(promise);
  return new ExecutionError(
    'VALUE_UNREADABLE',
    'a stored value cannot be read: `deserialize` of its serdes returned a Promise. It must return the value, at once and not as a promise.',
  );
}

function messageOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    return 'something that cannot be described';
  }
}
