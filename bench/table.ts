import type { Figure, Ratio } from './measure.js';

/** Prints figures as lines of aligned columns: workload, subject, value, ratio, notes. */
export function printTable(figures: readonly Figure[]): void {
  const rows = figures.map(cells);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  for (const row of rows) {
    const padded = row.map((cell, column) => (column === 2 ? cell.padStart(widths[2] as number) : cell.padEnd(widths[column] ?? 0)));
    console.log(padded.join('  ').trimEnd());
  }
}

/** One figure as a line, for those who watch. */
export function lineOf(figure: Figure): string {
  return cells(figure)
    .filter((cell) => cell !== '')
    .join(', ');
}

function cells({ workload, subject, value, unit, ratio, notes }: Figure): string[] {
  return [workload, subject, `${short(value)} ${unit}`, ratio === undefined ? '' : ratioText(ratio), notes ?? ''];
}

function ratioText({ value, to, rounds = [] }: Ratio): string {
  const each = rounds.length < 2 ? '' : ` (${rounds.map(short).join(', ')})`;
  return `${short(value)} × ${to}${each}`;
}

function short(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
