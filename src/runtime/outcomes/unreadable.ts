/** What `read` gives; `undefined` when that throws, which `owner` is told. */
export function readable<T extends object>(
  owner: { unreadable(what: string, error: unknown): void },
  what: string,
  read: () => T,
): T | undefined {
  try {
    return read();
  } catch (error) {
    owner.unreadable(what, error);
    return undefined;
  }
}
