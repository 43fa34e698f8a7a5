/** A record of a CSV file, and the line on which it begins. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
}

const FIELD = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r?\n)/y;

/**
 * Reads CSV as RFC 4180 has it: fields stand between commas, and one in double quotes may have commas, line breaks and doubled double quotes in it.
 * Blank lines are skipped.
 *
 * @throws {Error} when a quote is not closed, or stands inside a field that is not quoted.
 */
export function parseCsv(file: string): CsvRecord[] {
  const text = `${file.replace(/^\uFEFF/, '').replace(/\r?\n$/, '')}\n`;
  const records: CsvRecord[] = [];
  let fields: string[] = [];
  let line = 1;
  let firstLine = 1;
  for (let at = 0; at < text.length; at = FIELD.lastIndex) {
    FIELD.lastIndex = at;
    const match = FIELD.exec(text);
    if (match === null) throw new Error(`line ${line} has a quote that is not closed, or one inside a field that is not quoted`);
    const [whole, quoted, plain, end] = match;
    fields.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    line += whole.split('\n').length - 1;
    if (end === ',') continue;
    if (fields.length > 1 || fields[0] !== '') records.push({ line: firstLine, fields });
    fields = [];
    firstLine = line;
  }
  return records;
}
