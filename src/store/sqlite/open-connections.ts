import process from 'node:process';
import { shared } from '../../realm/realm.js';

/** A connection as others see it. */
interface OpenConnection {
  readonly realPath: string;
  /** Whether it has the file closed until it reads again. */
  readonly isAside: boolean;
  /** Looks whether its file is still the one that was opened, and closes it safely if it is not. */
  leaveIfLost(): void;
  /** One that only reads closes its file until it reads again. */
  stepAside(): void;
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

/** Lets those that only read the same file close it until they read again. */
export function letReadersStepAside({ realPath }: OpenConnection): void {
  for (const other of open.connections) if (other.realPath === realPath) other.stepAside();
}

/** Whether no other one has the same file open, but for those that have stepped aside. */
export function isAlone(connection: OpenConnection): boolean {
  return [...open.connections].every((other) => other === connection || other.isAside || other.realPath !== connection.realPath);
}
