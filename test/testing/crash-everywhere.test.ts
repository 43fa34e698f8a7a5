import { action, CompletionConfig, flow, map, now, parallel, shield, sleep, wait } from 'perdure';
import { describe, expect, test } from 'vitest';
import { assertWellFormed, crashEverywhere, createTestEngine } from '../../src/testing.js';
import { thrownBy, unique } from '../api/with-engine.js';

const work = action('crash-everywhere-work', async (text: string) => `${text}!`);

const child = flow('crash-everywhere-child', async (text: string) => work(text));

describe('passes a flow', () => {
  test('of actions, sleeps and child runs', async () => {
    const main = flow(unique('main'), async (text: string) => {
      const first = await work(text);
      await sleep('3d');
      return [first, await child('child'), await Promise.race([work('a'), sleep('1h')])];
    });
    const report = await crashEverywhere(main, ['x']);
    expect(report.crashes).toBe(2 * report.commits);
    expect(report.commits).toBeGreaterThan(4);
  });

  test('of batches, whose losers clean up', async () => {
    const main = flow(unique('main'), async () => {
      const first = await parallel(
        [
          async () => {
            await sleep('1h');
            return work('fast');
          },
          async () => {
            try {
              await sleep('30d');
            } finally {
              await shield(() => work('clean'));
            }
          },
        ],
        { completionConfig: CompletionConfig.firstSuccessful() },
      );
      const rest = await map(['a', 'b', 'c'], work, { maxConcurrency: 2 });
      return [first.all.map(({ status }) => status), rest.getResults()];
    });
    const { commits } = await crashEverywhere(main, [], { faults: { slow: 3 } });
    expect(commits).toBeGreaterThan(5);
  });

  test('that fails, and is prepared by a setup', async () => {
    const main = flow(unique('main'), async () => {
      const waited = await wait([work.start('slow')], { timeout: '1h' });
      await Promise.all(waited.done);
      return work('other');
    });
    await crashEverywhere(main, [], { setup: (engine) => void engine.mock(work, new RangeError('no'), { latency: '2s' }) });
  });
});

describe('catches', () => {
  test('a flow that goes by the clock of the machine', async () => {
    let clock = 0;
    const main = flow(unique('main'), async () => {
      clock += 1;
      const name = `at ${clock}`;
      return work(name);
    });
    const error = await thrownBy(() => crashEverywhere(main, []));
    expect(error.name).toBe('AssertionError');
    expect(error.message).toMatch(/^after a crash right (before|after) commit \d+ of \d+ the run came to another end/);
  });

  test('an action whose result depends on how often it is done', async () => {
    let done = 0;
    const count = action(unique('count'), async () => {
      done += 1;
      return done;
    });
    const error = await thrownBy(() =>
      crashEverywhere(
        flow(unique('main'), async () => count()),
        [],
      ),
    );
    expect(error.message).toMatch(/the run came to another end/);
  });

  test('a flow that keeps what it knows outside', async () => {
    const seen: string[] = [];
    const main = flow(unique('main'), async () => {
      seen.push(await work('x'));
      await sleep(1);
      return seen.length;
    });
    const error = await thrownBy(() => crashEverywhere(main, []));
    expect(error.message).toMatch(/came to another end/);
  });
});

test('bad options are refused', async () => {
  const main = flow(unique('main'), async () => now());
  for (const options of [{ setup: 5 }, { slowCommits: -1 }, { engine: 7 }, { what: 1 }]) {
    const error = await thrownBy(() => crashEverywhere(main, [], options as never));
    expect(error).toMatchObject({ name: 'UsageError', code: 'INVALID_OPTION' });
  }
});

test('assertWellFormed passes the journal of a report, and names the rules that another one breaks', async () => {
  await using engine = createTestEngine();
  const main = flow(unique('main'), async () => (await map(['a', 'b'], work)).getResults());
  const { journal } = await engine.run(main);
  assertWellFormed(journal);
  const error = await thrownBy(() =>
    assertWellFormed(journal.map((entry) => (entry.kind === 'run' || entry.seq === null ? entry : { ...entry, seq: entry.seq + 1 }))),
  );
  expect(error.message).toMatch(/not well formed; not so: outcomes are numbered from 1 without gaps/);
});
