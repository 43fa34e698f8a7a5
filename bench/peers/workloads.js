/**
 * What is measured. `count` is the full size.
 *
 * @typedef {'W1' | 'W2' | 'W3' | 'W4' | 'W5' | 'W6'} WorkloadName
 * @typedef {object} Workload
 * @property {string} title what is done, for the legend below the table
 * @property {number} count how many of it, unless a subject says otherwise
 * @property {string} unit of the main figure
 * @property {boolean} moreIsBetter
 */

/** @type {Record<WorkloadName, Workload>} */
export const workloads = {
  W1: { title: 'actions in sequence in one flow', count: 2_000, unit: 'actions/s', moreIsBetter: true },
  W2: { title: 'actions started at once in one flow, and joined', count: 10_000, unit: 'actions/s', moreIsBetter: true },
  W3: { title: 'flows of 3 actions in sequence, launched at once', count: 5_000, unit: 'flows/s', moreIsBetter: true },
  W4: { title: 'flows of one action, one after the other on an idle engine', count: 100, unit: 'ms', moreIsBetter: false },
  W5: { title: 'actions finished, then SIGKILL; from process start until the run goes on', count: 1_000, unit: 'ms', moreIsBetter: false },
  W6: { title: 'runs that sleep for 30 days; memory for each', count: 10_000, unit: 'KB', moreIsBetter: false },
};

/**
 * The size of a workload for a subject.
 *
 * @param {{ sizes?: Partial<Record<WorkloadName, number>> }} subject
 * @param {WorkloadName} name
 * @param {boolean} quick a tenth of it
 */
export function sizeOf(subject, name, quick) {
  const count = subject.sizes?.[name] ?? workloads[name].count;
  return quick ? Math.ceil(count / 10) : count;
}
