/**
 * Who is measured. The adapter of a subject, `subjects/<file>`, is loaded in its child process only, so a subject whose packages are
 * missing fails alone.
 *
 * @typedef {import('./workloads.js').WorkloadName} WorkloadName
 * @typedef {object} Subject
 * @property {string} label its row in the table
 * @property {string} adapter a file of `subjects/`
 * @property {Record<string, unknown>} [settings] given to the adapter's `open`
 * @property {'postgres' | 'restate'} [server] what has to run for it
 * @property {boolean} [node24] whether it needs a newer Node than the one that runs this
 * @property {'ours' | 'limit' | 'durable peer' | 'in memory'} kind
 * @property {Partial<Record<WorkloadName, number>>} [sizes] where it takes less than the others
 * @property {Partial<Record<WorkloadName, string>>} [without] workloads it is not asked for, and why
 * @property {string} [withoutSlowDisk] why the slow disk does not reach it
 * @property {{ name: 'absurdSql', why: string }} [needs] an option without which it cannot be measured, and why
 */

const inMemory = 'in memory: nothing is left after a SIGKILL';
const onlySequence = 'a limit of W1 only';

/** @type {Record<string, Subject>} */
export const subjects = {
  bare: {
    label: 'bare SQLite, one insert per commit',
    adapter: 'bare.js',
    kind: 'limit',
    without: { W2: onlySequence, W3: onlySequence, W4: onlySequence, W5: onlySequence, W6: onlySequence },
  },
  perdure: { label: 'perdure on SQLite', adapter: 'perdure.js', settings: { inMemory: false }, kind: 'ours' },
  'perdure-memory': {
    label: 'perdure in memory',
    adapter: 'perdure.js',
    settings: { inMemory: true },
    kind: 'in memory',
    without: { W5: inMemory },
  },
  dbos: { label: 'DBOS on PostgreSQL', adapter: 'dbos.js', server: 'postgres', kind: 'durable peer', sizes: { W6: 2_000 } },
  absurd: {
    label: 'Absurd on PostgreSQL',
    adapter: 'absurd.js',
    server: 'postgres',
    kind: 'durable peer',
    sizes: { W4: 20, W6: 2_000 },
    needs: { name: 'absurdSql', why: 'its SQL schema is not on npm: --absurd-sql FILE names the absurd.sql of its release' },
  },
  restate: {
    label: 'Restate',
    adapter: 'restate.js',
    server: 'restate',
    node24: true,
    kind: 'durable peer',
    sizes: { W2: 1_000, W6: 2_000 },
    withoutSlowDisk: 'its server is linked statically, so the preloaded library cannot slow it down',
  },
  aws: {
    label: 'AWS local test runner (in memory)',
    adapter: 'aws.js',
    node24: true,
    kind: 'in memory',
    sizes: { W4: 20 },
    without: { W5: inMemory, W6: 'a test runner: it keeps no sleeping runs' },
  },
};
