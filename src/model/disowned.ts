/** A value that was refused: if it is a promise, its rejection is nobody's any more, and must not end the process. */
export function disown(value: unknown): void {
  if (value instanceof Promise) value.catch(() => {});
}
