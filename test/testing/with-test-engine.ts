import { type Flow, flow } from 'perdure';
import { onTestFinished } from 'vitest';
import { createTestEngine, type TestEngine, type TestEngineOptions } from '../../src/testing.js';
import { unique } from '../api/with-engine.js';

/** A test engine for one test, closed after it. */
export function testEngine(options: TestEngineOptions = {}): TestEngine {
  const engine = createTestEngine(options);
  onTestFinished(() => engine.close({ timeout: 0 }));
  return engine;
}

/** A body as a flow under a name of its own. */
export function aFlow<A extends unknown[], R>(body: (...args: A) => Promise<R>): Flow<A, R> {
  return flow(unique('flow'), body);
}
