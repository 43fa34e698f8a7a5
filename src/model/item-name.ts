/** What a branch is called that has no name of its own. */
export function defaultItemName(kind: 'parallel' | 'map', index: number): string {
  return `${kind === 'map' ? 'map-item' : 'parallel-branch'}-${index}`;
}
