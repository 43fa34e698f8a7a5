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
export class BulkStatement<T> {
  readonly #connection: Connection;
  readonly #texts: readonly string[];
  readonly #width: number;
  readonly #fill: (row: T, to: SqlValue[], at: number) => void;

  /** `text` makes a statement around a list of rows, each of `width` values, which `fill` puts into a list. */
  constructor(
    connection: Connection,
    options: {
      readonly text: (rows: string) => string;
      readonly width: number;
      readonly fill: (row: T, to: SqlValue[], at: number) => void;
    },
  ) {
    const row = `(${Array<string>(options.width).fill('?').join(',')})`;
    this.#connection = connection;
    this.#width = options.width;
    this.#fill = options.fill;
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
        const values = new Array<SqlValue>(size * this.#width);
        for (let row = 0; row < size; row += 1, at += 1) this.#fill(rows[at] as T, values, row * this.#width);
        values.push(...last);
        changes += statement.run(values).changes;
      }
    }
    return changes;
  }
}
