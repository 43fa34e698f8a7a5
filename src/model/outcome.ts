/**
 * How an operation or a run ended, decoded. A result is never tested against `undefined`: the status says what there is.
 */
export type Outcome<T = unknown> =
  | { readonly status: 'SUCCEEDED'; readonly value: T }
  | { readonly status: 'FAILED' | 'CANCELLED'; readonly error: Error };
