/** Something as messages name it. */
export interface Named {
  readonly kind: string;
  readonly name: string;
  readonly id?: string | undefined;
}

/** Such as `action "charge" (3)`. */
export function whatIs({ kind, name, id }: Named): string {
  return `${kind} "${name}"${id === undefined ? '' : ` (${id})`}`;
}
