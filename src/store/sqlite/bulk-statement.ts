import type { Connection } from './connection.js';
import type { SqlValue } from './driver.js';

/** Rows that one call takes, largest first. Fewer calls into the driver cost less, up to a point. */
const SIZES: readonly number[] = [50, 10, 1];

/**
 * Writes many rows with few statements, each prepared once per connection.
 *
 * The texts say `OR FAIL`: a statement that breaks a constraint need not be undone by itself, since the whole transaction is. It saves SQLite from
 * copying every page that such a statement touches.
 */
export class BulkStatement<T extends Readonly<Record<keyof T, SqlValue>>> {
  readonly #connection: Connection;
  readonly #texts: readonly string[];
  readonly #fields: readonly (keyof T)[];

  /** `text` makes a statement around a list of rows, each of the values of `fields`. */
  constructor(
    connection: Connection,
    options: {
      readonly text: (rows: string) => string;
      readonly fields: readonly (keyof T)[];
    },
  ) {
    const row = `(${Array<string>(options.fields.length).fill('?').join(',')})`;
    this.#connection = connection;
    this.#fields = options.fields;
    this.#texts = SIZES.map((size) => options.text(Array<string>(size).fill(row).join(',')));
  }

  /** Writes the rows in order, with `last` after the values of each call; returns how many rows of the table changed. */
  run(rows: readonly T[], last: readonly SqlValue[] = []): number {
    let changes = 0;
    let at = 0;
    for (const [index, size] of SIZES.entries()) {
      if (rows.length - at < size) continue;
      const statement = this.#connection.statement(this.#texts[index] as string);
      while (rows.length - at >= size) {
        // Of its full length at once: a batch has thousands of values.
        const values = new Array<SqlValue>(size * this.#fields.length);
        let next = 0;
        for (const end = at + size; at < end; at += 1) {
          const row = rows[at] as T;
          for (const field of this.#fields) {
            values[next] = row[field];
            next += 1;
          }
        }
        values.push(...last);
        changes += statement.run(values).changes;
      }
    }
    return changes;
  }
}
