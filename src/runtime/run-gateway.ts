import type { InboxMessage, RunCreation, RunRecord } from '../model/records.js';
import type { RunStatus } from '../model/statuses.js';
import type { OnEnd } from './run-ports.js';

/** Hears what becomes of a run that was started. */
export interface RunListener {
  /** Once, when the start is durable. `taken`: the id belongs to that run, nothing was started, and nothing else is heard. */
  recorded(taken?: RunRecord): void;
  /** Once, when the end is durable. */
  readonly ended: OnEnd;
}

/** How calls from outside of flows reach runs, whatever is behind it: a worker in this process, or only the store. */
export interface RunGateway {
  /** Whether runs are executed here. Where they are not, none can be started. */
  readonly executes: boolean;

  /** Creates a run and begins it. Returns at once. @param creation - The run has no owner: this gateway gives it one. */
  start(creation: RunCreation, listener: RunListener): void;

  /** Calls back once, when the end of a run that exists is durable. Returns what calls it off. */
  follow(runId: string, onEnd: OnEnd): () => void;

  /** A run as it is stored, those that were started here included. */
  find(runId: string): Promise<RunRecord | undefined>;

  /** Puts a message into a run's inbox, unless the run has ended. Returns the status the run has; `undefined`: there is no such run. */
  send(message: InboxMessage): Promise<RunStatus | undefined>;
}
