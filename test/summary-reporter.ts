import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';

/**
 * Ends the output of `vitest run` with one plain line, `N passed, N failed` (`, N skipped` when there are any).
 *
 * The line is written when the process exits, so that nothing another reporter prints comes after it. Whatever makes vitest exit with
 * an error without failing a test (a file that does not load, a hook that throws, an unhandled error, no test at all) counts as a
 * failure, so that the line never says `0 failed` of a run that failed.
 */
class SummaryReporter implements Reporter {
  #summary: string | undefined;

  onInit(): void {
    process.once('exit', (exitCode) => {
      const summary = this.#summary ?? '0 passed, 1 failed';
      process.stdout.write(`${exitCode === 0 ? summary : summary.replace(/ 0 failed/, ' 1 failed')}\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[], _reason: TestRunEndReason): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    let skipped = 0;
    for (const module of modules) {
      failed += module.errors().length;
      for (const suite of module.children.allSuites()) failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'skipped') skipped += 1;
        else failed += 1;
      }
    }
    this.#summary = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  }
}

export default SummaryReporter;
