/** What a branch is called that nobody has named. */
export function defaultItemName(kind: 'parallel' | 'map', index: number): string {
  return `${kind === 'map' ? 'map-item' : 'parallel-branch'}-${index}`;
}
