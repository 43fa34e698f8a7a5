import { flowContext } from 'perdure';
import { currentPlace } from '../../src/runtime/scopes/current-place.js';

/** Sees what flows and actions do, from outside of the history: it is what would be lost with a process. */
export interface Observer {
  /** The body of a flow is called; in a whole replay, so are those of branches that have ended. */
  flowBegan(runId: string, whole: boolean): void;
  /** The flow saw something: in its own scope (an empty path), or in that of a branch. */
  flowSaw(runId: string, what: string, scope: string): void;
  /** The body of an action is called. */
  actionBegan(runId: string, operationId: string): void;
}

const NOBODY: Observer = { flowBegan: () => {}, flowSaw: () => {}, actionBegan: () => {} };
let observer = NOBODY;

/** From now on this observer sees what flows and actions of this process do. Returns what ends that. */
export function observe(by: Observer): () => void {
  observer = by;
  return () => {
    observer = NOBODY;
  };
}

export function observed(): Observer {
  return observer;
}

/** For the body of a flow: says that it is called, and returns what tells what it sees, there and in its branches. */
export function witness(): (what: string) => void {
  const { runId } = flowContext();
  const by = observer;
  by.flowBegan(runId, !skipsBranches());
  return (what) => by.flowSaw(runId, what, scopeOfCaller());
}

/** Whether there are branches whose bodies are not run again. */
function skipsBranches(): boolean {
  const place = currentPlace();
  return place?.kind === 'flow' && (place.run as { readonly skipsBranches?: boolean }).skipsBranches === true;
}

function scopeOfCaller(): string {
  const place = currentPlace();
  return place?.kind === 'flow' ? place.scope.path : '';
}
