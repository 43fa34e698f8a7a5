import { open } from 'perdure';

/** A listener that is gone when it is called has handled the rejection all the same. */
process.once('unhandledRejection', (reason) => process.stdout.write(`handled: ${(reason as Error).message}`));
const engine = await open({ store: ':memory:' });
void Promise.reject(new Error("the program's"));
await new Promise(setImmediate);
await engine.close();
