import type { Codec } from '../codec/codec.js';
import type { EndStatus } from '../model/statuses.js';
import { beginAt, type Place } from './scopes/current-place.js';

/** How the body of a flow or of a branch has ended. */
export type BodyEnd = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

/** Who has a body, and hears how it ends. An object and no functions: there may be a hundred thousand bodies under way, and each function takes room. */
export interface BodyOwner {
  callBody(): unknown;
  bodyEnded(end: BodyEnd): void;
}

/** Runs a body at its place, and tells its owner how it ends. */
export function runBody(place: Place, owner: BodyOwner): void {
  beginAt(place, promiseOfBody, owner).then(
    (value) => owner.bodyEnded({ ok: true, value }),
    (error: unknown) => owner.bodyEnded({ ok: false, error }),
  );
}

function promiseOfBody(owner: BodyOwner): Promise<unknown> {
  return promiseOf(() => owner.callBody());
}

/** What an async function around the body would return, without a promise around the body's own. */
export function promiseOf(body: () => unknown): Promise<unknown> {
  try {
    return Promise.resolve(body());
  } catch (error) {
    return Promise.reject(error);
  }
}

/** An end as it is recorded; `error` is what it failed with. */
interface RecordedEnd {
  readonly status: Exclude<EndStatus, 'CANCELLED'>;
  readonly text: string;
  readonly error?: unknown;
}

/** What is recorded of an end: a value that cannot be stored is a failure, and so is one of a scope that fails for its leaks. */
export function recordedEnd(end: BodyEnd, leakFailure: Error | undefined, codec: Codec, what: () => string): RecordedEnd {
  const failed = (error: unknown): RecordedEnd => ({ status: 'FAILED', text: codec.encodeError(error), error });
  if (!end.ok) return failed(end.error);
  if (leakFailure !== undefined) return failed(leakFailure);
  try {
    return { status: 'SUCCEEDED', text: codec.encode(end.value, () => `the result of ${what()}`) };
  } catch (error) {
    return failed(error);
  }
}
