import { hash } from 'node:crypto';
import { UsageError } from '../../errors/errors.js';
import type { RunRecord } from '../../model/records.js';

/** What a token stands for: a callback of a run, and the proof that it was given out. */
export interface CallbackAddress {
  readonly runId: string;
  readonly operationId: string;
  readonly secret: string;
}

const SEPARATOR = '\n';

/** The token of a callback: who has it can complete it; it cannot be guessed without the run's seed. */
function callbackToken(address: CallbackAddress): string {
  const { runId, operationId, secret } = address;
  return Buffer.from([secret, operationId, runId].join(SEPARATOR)).toString('base64url');
}

/** @throws {UsageError} `INVALID_TOKEN` when it is none. */
export function readCallbackToken(token: unknown, caller: string): CallbackAddress {
  if (typeof token === 'string') {
    const bytes = Buffer.from(token, 'base64url');
    const [secret, operationId, ...runId] = bytes.toString().split(SEPARATOR);
    // Buffer passes over characters that do not belong there.
    const whole = bytes.toString('base64url') === token;
    if (whole && secret !== undefined && operationId !== undefined && runId.length > 0)
      return { secret, operationId, runId: runId.join(SEPARATOR) };
  }
  throw invalidToken(caller);
}

export function invalidToken(caller: string): UsageError {
  return new UsageError('INVALID_TOKEN', `${caller}: this is no token that callback() has given out; pass it on whole, as it is`);
}

/** What proves that a token was given out by this run: a fork of it has the same seed, and other tokens. */
export function callbackSecret({ id, seed }: Pick<RunRecord, 'id' | 'seed'>, operationId: string): string {
  return hash('sha256', `${seed}:callback:${id}:${operationId}`, 'base64url').slice(0, 22);
}

/** The token of a callback of a run. */
export function tokenOf(run: Pick<RunRecord, 'id' | 'seed'>, operationId: string): string {
  return callbackToken({ runId: run.id, operationId, secret: callbackSecret(run, operationId) });
}
