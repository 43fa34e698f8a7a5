import { type Action, action, actionContext, type Engine } from 'perdure';
import type { StoreFaults, TestEngine, TestEngineOptions } from '../../src/testing.js';
import { testEngine } from '../testing/with-test-engine.js';

let engine: Engine;
const sent = new Set<string>();

/** The engine that the actions of this file send by. */
export function sendBy(next: Engine): void {
  engine = next;
}

/** Nothing has been sent yet, as far as `sendOnce` is concerned. */
export function forgetSent(): void {
  sent.clear();
}

/** What the store does in these tests besides losing processes. */
export const FAULTS: StoreFaults = { failingCommit: true, lostWorker: true };

/** What `crashEverywhere` needs, so that the actions of this file send by the engine of the moment. */
export const senders: { readonly setup: (engine: TestEngine) => void; readonly reset: () => void } = { setup: sendBy, reset: forgetSent };

/** A test engine that the actions of this file send by. */
export function sendingEngine(options: TestEngineOptions = {}): TestEngine {
  const made = testEngine(options);
  forgetSent();
  sendBy(made);
  return made;
}

/** Sends to the run that it is called in; after a crash again. */
export const send: Action<[name: string, value?: unknown], void> = action('send', async (name: string, value?: unknown) =>
  engine.send(actionContext().runId, name, value),
);

export const sendTo: Action<[runId: string, name: string, value?: unknown], void> = action(
  'sendTo',
  async (runId: string, name: string, value?: unknown) => engine.send(runId, name, value),
);

/** As `send`, for somebody who remembers over a crash that it was sent. */
export const sendOnce: Action<[name: string, value?: unknown], void> = action('sendOnce', async (name: string, value?: unknown) => {
  const { runId, idempotencyKey } = actionContext();
  if (sent.has(idempotencyKey)) return;
  await engine.send(runId, name, value);
  sent.add(idempotencyKey);
});

export const complete: Action<[token: string, value?: unknown], void> = action('complete', async (token: string, value?: unknown) =>
  engine.complete(token, value),
);

export const fail: Action<[token: string, reason: string], void> = action('failCallback', async (token: string, reason: string) =>
  engine.fail(token, new RangeError(reason)),
);

export const beat: Action<[token: string], void> = action('beat', async (token: string) => engine.heartbeat(token));

export const cancelRun: Action<[runId: string, reason?: string], boolean> = action('cancelOther', async (runId: string, reason?: string) =>
  engine.cancel(runId, reason),
);

export const step: Action<[what: string], string> = action('step', async (what: string) => what);
