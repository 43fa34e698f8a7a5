/**
 * The table: a row for each subject, a column for each workload, medians of the rounds, and what perdure is beside the others.
 *
 * @typedef {object} Measurement
 * @property {import('./workloads.js').WorkloadName} workload
 * @property {string} subject
 * @property {number} round
 * @property {number} count
 * @property {import('./measure.js').Figures} [figures]
 * @property {string} [failure]
 * @property {string} [left] why it was not measured
 */
import { subjects } from './subjects.js';
import { workloads } from './workloads.js';

/** @param {readonly Measurement[]} measurements @param {readonly import('./workloads.js').WorkloadName[]} names */
export function printTable(measurements, names) {
  const present = [...new Set(measurements.map(({ subject }) => subject))];
  const usual = Object.fromEntries(names.map((name) => [name, Math.max(...of(measurements, name).map(({ count }) => count))]));
  const head = ['', ...names.map((name) => `${name} (${usual[name].toLocaleString('en')})`)];
  const rows = present.map((subject) => [
    subjects[subject].label,
    ...names.map((name) => cell(of(measurements, name, subject), name, usual[name])),
  ]);
  const kinds = /** @type {const} */ (['limit', 'durable peer']);
  const ratios = kinds
    .filter((kind) => present.includes('perdure') && present.some((subject) => subjects[subject].kind === kind))
    .map((kind) => [
      kind === 'limit' ? 'perdure on SQLite : bare' : 'perdure on SQLite : best durable peer',
      ...names.map((name) => ratio(measurements, name, kind)),
    ]);
  const lines = [head, ...rows, ...ratios];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  console.log();
  for (const line of lines)
    console.log(
      line
        .map((text, column) => text.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    );
  console.log();
  for (const name of names) console.log(`${name}: ${workloads[name].title}; ${legend(name)}`);
  console.log('(n) in a cell: measured at that size. A ratio above 1 is in favour of perdure; differences below 1.5 times are a tie.');
  for (const line of reasons(measurements)) console.log(line);
}

/** The median of one figure over the rounds in which it was taken. */
export function median(measurements, figure) {
  const values = measurements.map(({ figures }) => figures?.[figure]).filter((value) => value !== undefined);
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** @param {readonly Measurement[]} measurements */
export function of(measurements, workload, subject = undefined) {
  return measurements.filter((each) => each.workload === workload && (subject === undefined || each.subject === subject));
}

function legend(name) {
  if (name === 'W1') return 'actions/s; p50 / p99 ms';
  if (name === 'W4') return 'p50 / p99 ms';
  if (name === 'W6') return 'KB of RSS, of heap, of the server';
  return workloads[name].unit;
}

function cell(measurements, name, usual) {
  const taken = measurements.filter(({ figures }) => figures !== undefined);
  if (taken.length === 0) return measurements.some(({ failure }) => failure !== undefined) ? 'failed' : '–';
  const figure = (what) => number(median(taken, what));
  const size = taken[0].count === usual ? '' : ` (${taken[0].count.toLocaleString('en')})`;
  if (name === 'W1') return `${figure('value')}; ${figure('p50')} / ${figure('p99')}${size}`;
  if (name === 'W4') return `${figure('p50')} / ${figure('p99')}${size}`;
  if (name === 'W6') {
    const server = taken[0].figures.server === undefined ? '' : `, ${figure('server')} server`;
    return `${figure('value')} RSS, ${figure('heap')} heap${server}${size}`;
  }
  return `${figure('value')}${size}`;
}

/** The median over the rounds of perdure's ratio to the best subject of a kind, measured in the same round. */
function ratio(measurements, name, kind) {
  const ratios = [];
  for (const { round, figures } of of(measurements, name, 'perdure')) {
    const others = of(measurements, name).filter((each) => each.round === round && each.figures && subjects[each.subject].kind === kind);
    if (figures === undefined || others.length === 0) continue;
    const { moreIsBetter } = workloads[name];
    const values = others.map((each) => total(each.figures));
    ratios.push(moreIsBetter ? total(figures) / Math.max(...values) : Math.min(...values) / total(figures));
  }
  const middle = ratios.sort((a, b) => a - b)[Math.floor(ratios.length / 2)];
  return middle === undefined ? '–' : middle.toFixed(2);
}

/** What a subject costs or gives as a whole: its server's memory counts. */
function total({ value, server = 0 }) {
  return value + server;
}

/** A line for each reason why a cell has no figure, with the workloads that it holds for. */
function reasons(measurements) {
  const lines = new Map();
  for (const { subject, workload, failure, left } of measurements) {
    if (failure === undefined && left === undefined) continue;
    const why = failure === undefined ? left : `failed: ${failure.split('\n')[0]}`;
    const line = `${subjects[subject].label}: ${why}`;
    lines.set(line, (lines.get(line) ?? new Set()).add(workload));
  }
  return [...lines].map(([line, names]) => `${[...names].join(', ')}, ${line}`);
}

function number(value) {
  if (value === undefined) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}
