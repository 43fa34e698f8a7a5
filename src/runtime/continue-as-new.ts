import { recognisable } from '../realm/recognisable.js';

/** What a flow returns to begin again with these arguments. */
export class ContinueAsNew {
  readonly args: readonly unknown[];

  constructor(args: readonly unknown[]) {
    this.args = args;
  }
}

recognisable(ContinueAsNew, 'ContinueAsNew');
