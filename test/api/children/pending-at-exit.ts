import { action, callback, event, type Flow, flow, open, sleep, wait } from 'perdure';
import { createTestEngine } from 'perdure/testing';

const [what = '', directory = '.'] = process.argv.slice(2);
process.chdir(directory);

const never = (): Promise<never> => new Promise(() => {});
const approve = flow('approve', async () => event('ok').result());
const answer = flow('answer', async () => callback().future.result());
const parent = flow('parent', async () => approve.with({ id: 'child' })());
const hang = action('hang', never);
const hanging = flow('hanging', async () => hang());
const stuck = flow('stuck', never);
const greet = flow('greet', async () => 'hello');
const done = (): void => void process.stdout.write('done\n');

/** Code that waits for a run of a flow. */
function awaiting(awaited: Flow<[], unknown>): () => Promise<unknown> {
  return async () => {
    await open({ store: ':memory:' });
    return awaited.with({ id: 'run' })();
  };
}

const PROGRAMS: Readonly<Record<string, () => Promise<unknown>>> = {
  // Code that waits for what never comes.
  event: awaiting(approve),
  callback: awaiting(answer),
  child: awaiting(parent),
  action: awaiting(hanging),
  stuck: awaiting(stuck),
  future: async () => {
    const engine = await open({ store: ':memory:' });
    await approve.with({ id: 'run' }).start().recorded();
    await engine.future('run');
  },
  evicted: async () => {
    const engine = await open({ store: ':memory:', maxResidentRuns: 1 });
    const future = approve.with({ id: 'run' }).start();
    approve.start();
    while ((await engine.get('run')).status !== 'SUSPENDED') await new Promise((resolve) => setTimeout(resolve, 10));
    await future.exception();
  },
  'wait()': async () => {
    await open({ store: ':memory:' });
    await wait([approve.with({ id: 'run' }).start()]);
  },
  several: async () => {
    await open({ store: ':memory:' });
    const other = await open({ store: ':memory:' });
    await Promise.all([1, 2, 3, 4, 5].map((n) => other.start(approve, [], { id: `run-${n}` })));
  },
  implicit: async () => approve.with({ id: 'run' })(),
  'busy at the end': async () => {
    process.on('beforeExit', () => {
      if (turns < 5) setTimeout(() => (turns += 1), 1);
    });
    let turns = 0;
    await open({ store: ':memory:' });
    await approve.with({ id: 'run' })();
  },

  // Programs that come to their ends.
  closed: async () => {
    const engine = await open({ store: ':memory:' });
    approve.start();
    const failed = approve().catch(() => done());
    await engine.close();
    await failed;
  },
  unawaited: async () => {
    await open({ store: ':memory:' });
    await approve.start().recorded();
    done();
  },
  idle: async () => {
    await open({ store: ':memory:' });
    await greet();
    done();
  },
  'closes at exit': async () => {
    const engine = await open({ store: ':memory:' });
    process.prependOnceListener('beforeExit', () => void engine.close());
    await approve().catch(() => done());
  },
  limited: async () => {
    await open({ store: ':memory:' });
    await approve
      .start()
      .result({ timeout: 20 })
      .catch(() => done());
  },
  timer: async () => {
    await open({ store: ':memory:' });
    await flow('timer', async () => sleep(50))();
    done();
  },
  kit: async () => {
    const engine = createTestEngine();
    engine.start(approve, []).result();
    done();
  },
};

void PROGRAMS[what]?.();
