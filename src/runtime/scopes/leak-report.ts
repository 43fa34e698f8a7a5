import { LeakedFuturesError } from '../../errors/errors.js';
import type { Future } from '../../futures/future.js';
import type { LeakedFuture } from '../notices/engine-events.js';
import { plainError } from '../notices/plain-value.js';
import type { Scope } from './scope.js';

/** The futures of a scope that no code took delivery of, at its end. */
export function leaksOf({ ledger }: Scope, nowMs: number): LeakedFuture[] {
  if (ledger.isEmpty) return [];
  return ledger.open().map((future): LeakedFuture => {
    const callSite = ledger.callSite(future);
    return {
      id: future.id,
      name: future.name,
      kind: future.kind,
      // An open one was cancelled by the end of its scope.
      state: future.done() && future.status !== 'CANCELLED' ? 'UNOBSERVED' : 'RUNNING',
      ageMs: nowMs - future.startedAtMs,
      ...(callSite === undefined ? {} : { callSite }),
      ...(future.status === 'FAILED' ? { error: plainError(errorOf(future)) } : {}),
    };
  });
}

/** A rejection without a handler. */
export function leakedRejection(reason: unknown): LeakedFuture {
  const error = plainError(reason);
  return { id: '', name: error.name, kind: 'rejection', state: 'REJECTED', ageMs: null, error };
}

/** The error of a scope that ended with leaks, under the policy `error`. */
export function leakError(what: string, leaks: readonly LeakedFuture[]): LeakedFuturesError {
  return new LeakedFuturesError(`${leakMessage(what, leaks)}\nAwait each future, wait() for it, cancel() it, or detach() it.`);
}

/** One line that names what was left behind. */
export function leakMessage(what: string, leaks: readonly LeakedFuture[]): string {
  return `${what} ended with a leak (unawaited): nobody took delivery of ${leaks.map(describe).join('; ')}`;
}

function describe(leak: LeakedFuture): string {
  const error = leak.error === undefined ? '' : `, failed with ${leak.error.name}: ${leak.error.message}`;
  if (leak.kind === 'rejection') return `a rejected promise (${leak.error?.name}: ${leak.error?.message})`;
  const age = leak.ageMs === null ? '' : `, ${leak.ageMs} ms old`;
  const site = leak.callSite === undefined ? '' : `, started at ${leak.callSite}`;
  return `${leak.kind} "${leak.name}" (${leak.id}, ${leak.state}${age}${site}${error})`;
}

function errorOf(future: Future<unknown>): unknown {
  const outcome = future.outcome();
  return outcome.status === 'SUCCEEDED' ? undefined : outcome.error;
}
