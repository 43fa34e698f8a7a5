import { newEntry } from '../journal/group-commit.js';
import { patchEntryId } from '../journal/numbering.js';
import type { RunHost } from './host.js';
import type { OutcomeSource } from './outcome-source.js';

/**
 * The changes of code that a run has and has not.
 *
 *   H1  A run has a change if that is recorded, or if nothing that is recorded lies ahead when it is first asked for: then that is recorded.
 *   H2  What was answered once in an execution stays.
 */
export class Patches {
  readonly #runId: string;
  readonly #host: RunHost;
  readonly #outcomes: OutcomeSource;
  #answers: Map<string, boolean> | undefined;

  constructor(runId: string, host: RunHost, outcomes: OutcomeSource) {
    this.#runId = runId;
    this.#host = host;
    this.#outcomes = outcomes;
  }

  has(name: string): boolean {
    const known = this.#answers?.get(name);
    if (known !== undefined) return known;
    const recorded = this.#outcomes.hasPatch(name);
    const has = recorded || !this.#outcomes.replaying;
    this.#answers ??= new Map();
    this.#answers.set(name, has);
    if (has && !recorded) this.#record(name);
    return has;
  }

  #record(name: string): void {
    const startedAt = this.#host.clock.now();
    const entry = newEntry({ runId: this.#runId, id: patchEntryId(name), kind: 'patch', name, digest: '', input: null, startedAt });
    entry.status = 'SUCCEEDED';
    this.#host.group.entry(entry);
  }
}
