import { newEntry } from '../journal/entry.js';
import type { JournalWriter } from '../journal/journal-writer.js';
import { NOT_PATCHED, patchEntryId } from '../journal/numbering.js';
import type { OutcomeSource } from './outcomes/outcome-source.js';
import type { RunServices } from './run-ports.js';
import type { Scope } from './scopes/scope.js';

interface PatchesInit {
  readonly runId: string;
  readonly services: RunServices;
  readonly writer: JournalWriter;
  readonly outcomes: OutcomeSource;
}

/**
 * The changes of code that a run has and has not.
 *
 *   PA1  A run has a change if that is recorded, or if nothing that is recorded lies ahead when it is first asked for: then that is recorded.
 *   PA2  What was answered once in an execution stays. That it was «no» in a branch is recorded: a later execution may not run the branch's body again, and
 *       ask elsewhere first.
 */
export class Patches {
  readonly #runId: string;
  readonly #services: RunServices;
  readonly #writer: JournalWriter;
  readonly #outcomes: OutcomeSource;
  #answers: Map<string, boolean> | undefined;

  constructor({ runId, services, writer, outcomes }: PatchesInit) {
    this.#runId = runId;
    this.#services = services;
    this.#writer = writer;
    this.#outcomes = outcomes;
  }

  has(name: string, scope: Scope): boolean {
    const known = this.#answers?.get(name);
    if (known !== undefined) return known;
    const recorded = this.#outcomes.patch(name);
    const has = recorded ?? !this.#outcomes.replaying;
    this.#answers ??= new Map();
    this.#answers.set(name, has);
    if (recorded === undefined && (has || scope.parent !== undefined)) this.#record(name, has);
    return has;
  }

  #record(name: string, has: boolean): void {
    const startedAt = this.#services.clock.now();
    const entry = newEntry({ runId: this.#runId, id: patchEntryId(name), kind: 'patch', name, digest: '', input: null, startedAt });
    entry.status = 'SUCCEEDED';
    if (!has) entry.outcome = NOT_PATCHED;
    this.#writer.entry(entry);
  }
}
