/**
 * The process in which one subject does one workload, or one half of W5. What to do comes in as JSON; what came out goes back by
 * IPC, since the subjects print what they like.
 */
import process from 'node:process';
import { measure } from './measure.js';

const { adapter: file, workload, recovery, count, serverPid, watchLoop, open } = JSON.parse(process.argv[2]);

// The parent is gone: nobody is left to kill this process.
process.on('disconnect', () => process.exit(1));

try {
  const subject = await import(new URL(`subjects/${file}`, import.meta.url).href);
  if (recovery === undefined) {
    const adapter = await subject.open(open);
    const figures = await measure(adapter, workload, { count, serverPid, watchLoop });
    process.send?.({ figures });
    await adapter.close();
  } else {
    // 'finish' is killed while its last action runs; 'resume' goes on with the same run, which then ends.
    await subject.recover(open, count, async () => {
      process.send?.({ reached: true });
      if (recovery === 'finish') await new Promise((resolve) => setTimeout(resolve, 600_000));
    });
  }
  process.exit(0);
} catch (error) {
  process.send?.({ failure: error instanceof Error ? `${error.message}` : String(error) }, () => process.exit(1));
}
