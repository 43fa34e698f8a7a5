import type { PerdureError } from '../errors/errors.js';
import { bareErrorNode, NODES_MARK } from './flatten.js';

/** The text of an error of perdure's own with its message and code, as `encodeErrorText` makes it: for stores, which do without superjson. */
export function ownErrorText({ name, message, code }: PerdureError): string {
  const node = bareErrorNode({ className: `perdure/${name}`, name, hidden: [['message', message]], fields: [['code', code]] });
  return NODES_MARK + JSON.stringify([node]);
}
