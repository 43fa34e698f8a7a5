import process from 'node:process';
import { shared } from '../../realm/realm.js';

/** A connection as others see it. */
interface OpenConnection {
  readonly realPath: string;
  /** Looks whether its file is still the one that was opened, and closes it safely if it is not. */
  leaveIfLost(): void;
}

/**
 * The connections of a realm that are open, of whatever copy of the library.
 *
 *   OC1  Drivers close what is open when a process comes to its end in good order. So there is a look before.
 */
const open = shared('open connections', () => {
  const connections = new Set<OpenConnection>();
  const leaveAllLost = (): void => {
    for (const connection of connections) connection.leaveIfLost();
  };
  return { connections, leaveAllLost };
});

/** Closes those that have lost their file: as long as they are open, they stand in the way of others. */
export function leaveLost(): void {
  open.leaveAllLost();
}

export function addOpen(connection: OpenConnection): void {
  if (open.connections.size === 0) process.on('exit', open.leaveAllLost);
  open.connections.add(connection);
}

/** @returns Whether it was among them. */
export function removeOpen(connection: OpenConnection): boolean {
  const removed = open.connections.delete(connection);
  if (removed && open.connections.size === 0) process.off('exit', open.leaveAllLost);
  return removed;
}

/** Whether no other one has the same file open. */
export function isAlone(connection: OpenConnection): boolean {
  return [...open.connections].every((other) => other === connection || other.realPath !== connection.realPath);
}
