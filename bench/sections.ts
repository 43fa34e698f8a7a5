import { batches } from './batches.js';
import { fanOutBesideInserts, flowsBesideInserts, latencyBesideCommits, sequenceBesideCommits } from './beside-limits.js';
import { journalsFannedOut, journalsInSequence } from './growth/journals.js';
import { payloads } from './growth/payloads.js';
import { concurrentRuns } from './growth/runs.js';
import { limits } from './limits.js';
import { parked } from './parked.js';
import { recovery } from './recovery.js';
import { replay } from './replay.js';
import type { Section } from './section.js';
import { smooth, smoothLooks } from './smooth.js';

/** The workloads, beside the limits of the machine. */
export const WORKLOADS: readonly Section[] = [
  { name: 'limits', measure: limits },
  { name: 'W1 sequence', measure: sequenceBesideCommits },
  { name: 'W2 fan-out', measure: fanOutBesideInserts },
  { name: 'W3 flows', measure: flowsBesideInserts },
  { name: 'W4 latency', measure: latencyBesideCommits },
  { name: 'W5 recovery', measure: recovery },
  { name: 'W6 parked runs', measure: parked },
  { name: 'replay', measure: replay },
  { name: 'batches', measure: batches },
  { name: 'smooth', measure: smooth },
  { name: 'smooth, a million runs', measure: smoothLooks },
];

/** How cost grows with the size of things. */
export const GROWTH: readonly Section[] = [
  { name: 'growth, journal in sequence', measure: journalsInSequence },
  { name: 'growth, journal as a fan-out', measure: journalsFannedOut },
  { name: 'growth, concurrent runs', measure: concurrentRuns },
  { name: 'growth, payloads', measure: payloads },
];
