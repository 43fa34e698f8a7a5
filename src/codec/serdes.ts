/** How values become text and come back. Both directions are synchronous. */
export interface Serdes {
  /** The text of a value. */
  serialize(value: unknown): string;
  /** The value of a text that `serialize` made. */
  deserialize(text: string): unknown;
}
