import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { libraryAlias } from './test/library-alias.js';

/** What starts processes, builds packages, or plays through everything that can happen. */
const LONG = [
  'test/{bench,crash,docs,faults,package,processes}/**/*.test.ts',
  'test/store/{sqlite-client-users,store-paths}.test.ts',
  'test/worker/store-faults.test.ts',
  'examples/**/*.test.ts',
];

/** What needs a process of its own: names that others have, too, or what is told once in a process. */
const ALONE = ['test/api/hot-reload.test.ts', 'test/testing/run-report.test.ts', 'test/upgrade/children.test.ts'];

export default defineConfig({
  // TC39 decorators and `using` have to be lowered: Node runs neither.
  esbuild: { target: 'es2022' },
  resolve: { alias: libraryAlias },
  test: {
    globalSetup: './test/programs.ts',
    pool: 'forks',
    // By default one processor is left free, which on a machine with two means that nothing is done at once.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 20_000,
    hookTimeout: 20_000,
    teardownTimeout: 10_000,
    // The last line counts passed and failed tests; see the file.
    reporters: ['default', './test/summary-reporter.ts'],
    projects: [
      // To load the library takes longer than most of these files: it is loaded once for many.
      { extends: true, test: { name: 'rooms', include: ['test/**/*.test.ts'], exclude: [...LONG, ...ALONE], isolate: false } },
      { extends: true, test: { name: 'alone', include: ALONE } },
      // Some play through dozens of crashes: on a machine that has other things to do, that takes longer than other tests may.
      { extends: true, test: { name: 'long', include: LONG, testTimeout: 60_000 } },
      {
        extends: true,
        test: {
          name: 'types',
          include: [],
          typecheck: { enabled: true, only: true, include: ['test/**/*.test-d.ts'], tsconfig: './tsconfig.json' },
        },
      },
    ],
  },
});
