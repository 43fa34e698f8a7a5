import { runInNewContext } from 'node:vm';
import { CompletionConfig, map, type ParallelOptions, parallel, sleep } from 'perdure';
import { expect, test } from 'vitest';
import { inFlow } from '../api/with-engine.js';
import { pages } from './pages.js';

/** A row of a table of completion rules. */
interface Row {
  readonly at: string;
  readonly config: string;
  readonly maxConcurrency: string;
  readonly branches: readonly string[];
  readonly reason: string;
  readonly statuses: string;
}

const BODIES: Readonly<Record<string, () => Promise<void>>> = {
  ok: async () => {},
  fails: async () => {
    throw new Error('it fails');
  },
  runs: () => sleep('1h'),
};

test.each(['parallel', 'map'] as const)('the table of completion rules of %s holds', async (operation) => {
  const rows = rowsOf(`docs/reference/${operation}.md`);
  expect(rows.length).toBeGreaterThan(5);
  for (const row of rows) {
    const { completionReason, all } = await inFlow(() => run(operation, row));
    const statuses = all.map(({ status }) => (status === 'STARTED' ? 'R' : status.charAt(0))).join(' ');
    expect({ at: row.at, reason: completionReason, statuses }).toEqual({ at: row.at, reason: row.reason, statuses: row.statuses });
  }
});

function run(operation: 'parallel' | 'map', { config, maxConcurrency, branches }: Row): ReturnType<typeof map<string, void>> {
  const options: ParallelOptions = {
    completionConfig: runInNewContext(`(${config})`, { CompletionConfig }),
    ...(maxConcurrency === '' ? {} : { maxConcurrency: Number(maxConcurrency) }),
  };
  const body = (name: string): Promise<void> => (BODIES[name] as () => Promise<void>)();
  if (operation === 'map') return map(branches, body, options as object);
  return parallel(
    branches.map((name) => () => body(name)),
    options,
  );
}

/** The rows of the page's table of rules: each begins with a policy, as an expression, and ends with statuses. */
function rowsOf(path: string): Row[] {
  const text = pages().find((page) => page.path === path)?.text ?? '';
  const table = /^\| `completionConfig` \| `maxConcurrency` \| branches \|.*\n\|[-|]+\n((?:\|.*\n)+)/m.exec(text)?.[1] ?? '';
  return table
    .trim()
    .split('\n')
    .map((line) => {
      const [config = '', maxConcurrency = '', branches = '', reason = '', statuses = ''] = line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim().replaceAll('`', ''));
      return { at: `${path}: ${line}`, config, maxConcurrency, branches: branches === '' ? [] : branches.split(', '), reason, statuses };
    });
}
