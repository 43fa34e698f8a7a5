import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { libraryAlias } from './test/library-alias.js';

export default defineConfig({
  // TC39 decorators and `using` have to be lowered: Node runs neither.
  esbuild: { target: 'es2022' },
  resolve: { alias: libraryAlias },
  test: {
    include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    globalSetup: './test/programs.ts',
    pool: 'forks',
    // By default one processor is left free, which on a machine with two means that nothing is done at once.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 20_000,
    hookTimeout: 20_000,
    teardownTimeout: 10_000,
    // The last line counts passed and failed tests; see the file.
    reporters: ['default', './test/summary-reporter.ts'],
    typecheck: {
      enabled: true,
      include: ['test/**/*.test-d.ts'],
      tsconfig: './tsconfig.json',
    },
  },
});
