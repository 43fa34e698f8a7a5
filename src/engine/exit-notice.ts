import type { Logger } from '../model/logger.js';
import { shared } from '../realm/realm.js';

/** What is asked of an engine when the process is about to end by itself. */
export interface LeftAtExit {
  readonly logger: Logger;
  /** The runs that code waits for. */
  readonly awaitedRuns: readonly AwaitedRun[];
}

/** A run that code waits for. */
export interface AwaitedRun {
  readonly runId: string;
  readonly flow: string;
  /** The operations that it waits for; `undefined` where it has left the memory of this process. */
  readonly waitsFor: readonly string[] | undefined;
}

/** How many are named. */
const NAMED = 3;

/**
 * Says what code waits for in vain, when Node has nothing left to do and ends the process: the code would just stop there.
 *
 *   EX1  One line a process, whatever else is done at its end.
 *   EX2  Node is listened to only while engines are open.
 */
class ExitNotice {
  readonly #engines = new Set<LeftAtExit>();
  #told = false;

  opened(engine: LeftAtExit): void {
    if (this.#engines.size === 0) process.on('beforeExit', this.#tell);
    this.#engines.add(engine);
  }

  closed(engine: LeftAtExit): void {
    if (this.#engines.delete(engine) && this.#engines.size === 0) process.off('beforeExit', this.#tell);
  }

  readonly #tell = (): void => {
    if (this.#told) return;
    const left = [...this.#engines].flatMap((engine) => engine.awaitedRuns.map((run) => ({ engine, run })));
    const [first] = left;
    if (first === undefined) return;
    this.#told = true;
    const runs = left.map(({ run }) => run);
    first.engine.logger.warn(
      `the process ends, since nothing is left for it to do, but its code waits for ${runs.length === 1 ? 'a run' : `${runs.length} runs`} that nothing here can bring to an end: ${listed(runs.map(described), '; ')}. ` +
        'Let something keep the process alive until then (a server, an interval), or wait with a timeout. What is recorded in a file goes on with the next engine on it',
      { runIds: runs.slice(0, NAMED).map(({ runId }) => runId), runs: runs.length },
    );
  };
}

/** The one of this realm. */
export const exitNotice: ExitNotice = shared('exit notice', () => new ExitNotice());

function described({ runId, flow, waitsFor }: AwaitedRun): string {
  const what = flow === '' ? `run ${runId}` : `flow "${flow}" (run ${runId})`;
  if (waitsFor === undefined) return `${what}, which sleeps until something comes for it`;
  return `${what}, which waits for ${waitsFor.length === 0 ? 'nothing durable' : listed(waitsFor, ', ')}`;
}

function listed(parts: readonly string[], separator: string): string {
  const more = parts.length - NAMED;
  return `${parts.slice(0, NAMED).join(separator)}${more > 0 ? ` and ${more} more` : ''}`;
}
