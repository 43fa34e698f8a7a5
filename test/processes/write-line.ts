import { writeSync } from 'node:fs';

/** Writes a line to standard output at once, so that a parent hears of it even if this process is killed right after; waits while the pipe is full. */
export function writeLine(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      // Nothing else may happen before the line is written.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
