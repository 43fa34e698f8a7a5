/** What a flow returns to begin anew with these arguments. */
export class ContinueAsNew {
  readonly args: readonly unknown[];

  constructor(args: readonly unknown[]) {
    this.args = args;
  }
}
