import { describe, expect, test } from 'vitest';
import { ALL, sample } from '../faults/turns.js';
import { type Life, PoisonedPlace } from './poison.js';

const place = (): PoisonedPlace => new PoisonedPlace();
const goodOnes = (count: number): [string, string][] => Array.from({ length: count }, (_, n) => ['good', `good ${n}`]);

describe('a run that ends its process each time is blocked at last, and all others end', { timeout: 120_000 }, () => {
  const KINDS: Readonly<Record<string, Partial<Life>>> = {
    exitInAction: {},
    exitInBody: {},
    strayRejection: {},
    outOfMemory: { execArgv: ['--max-old-space-size=48'] },
    listened: {},
  };

  test.each(sample(Object.entries(KINDS), 2))('%s', async (kind, life) => {
    const here = place();
    // The limit that is the default, and for most a smaller one, which takes fewer processes.
    const limit = ALL || kind === 'exitInAction' ? 10 : 4;
    const options = limit === 10 ? life : { ...life, maxRecoveries: limit };
    const { lives, statuses } = await here.live({ start: [[kind, `${kind} run`], ...goodOnes(20)], ...options });
    const { [`${kind} run`]: poison, ...others } = statuses;
    expect(poison).toBe('RECOVERY_LIMIT');
    expect(new Set(Object.values(others))).toEqual(new Set(['SUCCEEDED']));
    expect(here.times(`begun ${kind} run`)).toBe(limit);
    expect(lives).toBe(limit + 1);
  });

  test('several of them among hundreds of good ones', async () => {
    const here = place();
    const poison = ['exitInAction', 'exitInBody', 'listened'].map((kind): [string, string] => [kind, `${kind} run`]);
    const good = goodOnes(ALL ? 300 : 120);
    const start = [...good.slice(0, 100), ...poison, ...good.slice(100)];
    const { lives, statuses } = await here.live({ start, maxRecoveries: 4 });
    for (const [, id] of poison) expect(statuses[id]).toBe('RECOVERY_LIMIT');
    for (const [, id] of good) expect(statuses[id]).toBe('SUCCEEDED');
    // Two crashes of all together, two of each alone, and the process that ends in good order; and once more for the one that recorded a step on trial.
    expect(lives).toBeLessThanOrEqual(2 + 3 * 2 + 1 + 3);
  });

  test('one that is a child: its parent waits for it, and is not blamed', async () => {
    const here = place();
    const { statuses } = await here.live({ start: [['parent', 'p'], ...goodOnes(5)], settled: ['child of p'], maxRecoveries: 4 });
    expect(statuses['child of p']).toBe('RECOVERY_LIMIT');
    expect(statuses['p']).toBe('RUNNING');
    expect(here.times('begun child of p')).toBe(4);
    expect(here.times('step parent p')).toBe(1);
  });

  test('one that ends it while it is replayed', async () => {
    const here = place();
    const first = here.begin({ start: [['replayed', 'r'], ...goodOnes(5)] });
    await here.noted('replayed r');
    await here.until(({ id, status }) => id === 'r' || status === 'SUCCEEDED', 6);
    await first.kill();
    const { statuses } = await here.live({ settled: ['r'], maxRecoveries: 4 });
    expect(statuses['r']).toBe('RECOVERY_LIMIT');
    // It was killed once, and has ended the process in each life after that.
    expect(here.times('replayed r')).toBe(4);
  });

  test('one that two processes take over from each other', async () => {
    const here = place();
    const starting = here.live({ start: [['exitInAction', 'e'], ...goodOnes(50)] });
    await here.noted('begun e');
    const all = await Promise.all([starting, here.live({})]);
    for (const { statuses } of all) {
      const { e, ...others } = statuses;
      expect(e).toBe('RECOVERY_LIMIT');
      expect(new Set(Object.values(others))).toEqual(new Set(['SUCCEEDED']));
    }
    expect(here.times('begun e')).toBe(10);
  });

  test('one that begins while an innocent suspect is tried', async () => {
    const here = place();
    for (const times of [1, 2]) {
      const process = here.begin({ start: times === 1 ? [['slow', 'innocent', 2_000]] : [] });
      await here.noted('step innocent', times);
      await process.kill();
    }
    const { statuses } = await here.live({ start: [['exitInBody', 'e']], maxRecoveries: 5 });
    expect(statuses).toEqual({ innocent: 'SUCCEEDED', e: 'RECOVERY_LIMIT' });
  });

  test.each(sample([1, 2], 2))('at the first chance, where maxRecoveries is %d', async (maxRecoveries) => {
    const here = place();
    const { lives, statuses } = await here.live({ start: [['exitInAction', 'e']], maxRecoveries });
    expect(statuses['e']).toBe('RECOVERY_LIMIT');
    expect([here.times('begun e'), lives]).toEqual([maxRecoveries, maxRecoveries + 1]);
  });

  test('a blocked one says what it was doing, waits for retry(), and goes on once its code is mended', async () => {
    const here = place();
    const life = { settled: ['u'], maxRecoveries: 3 };
    expect((await here.live({ start: [['untilMended', 'u']], ...life })).statuses['u']).toBe('RECOVERY_LIMIT');
    // No process begins it by itself.
    const idle = here.begin({ settled: ['another'], maxRecoveries: 3 });
    await idle.heard(({ open }) => open === true);
    idle.tell({ get: 'u' });
    const { got } = await idle.heard(({ got }) => got !== undefined);
    expect(got).toEqual({
      status: 'BLOCKED',
      waitsFor: 'its code to be mended, and engine.retry("u")',
      message: expect.stringMatching(/^run u of flow "untilMended" is not begun again: 3 times .*\(recorded last: action "step" \(0\)\)/),
    });
    expect(here.times('begun u')).toBe(3);
    here.note('mended');
    idle.tell({ retry: 'u' });
    await here.until(({ status, crashes }) => status === 'SUCCEEDED' && crashes === 0);
    expect([here.times('begun u'), here.times('step before u')]).toEqual([4, 1]);
  });
});

describe('what is no fault of a run does not block it', { timeout: 120_000 }, () => {
  test('a run that records something before it ends its process each time', async () => {
    const here = place();
    const { lives, statuses } = await here.live({ start: [['progress', 'p', 12], ...goodOnes(3)], maxRecoveries: 2 });
    expect(new Set(Object.values(statuses))).toEqual(new Set(['SUCCEEDED']));
    expect(lives).toBe(13);
  });

  test('a process that is killed twice as often as a run may be begun, while its runs get on', async () => {
    const here = place();
    const maxRecoveries = ALL ? 10 : 4;
    const runs = ['a', 'b', 'c'];
    const start = runs.map((id): [string, string, number] => ['long', id, 6 * maxRecoveries]);
    for (let kill = 1; kill <= 2 * maxRecoveries; kill += 1) {
      const process = here.begin(kill === 1 ? { start, maxRecoveries } : { maxRecoveries });
      for (const id of runs) await here.noted(`step ${id} ${2 * kill}`);
      await process.kill();
    }
    const { lives, statuses } = await here.live({});
    expect([lives, statuses]).toEqual([1, { a: 'SUCCEEDED', b: 'SUCCEEDED', c: 'SUCCEEDED' }]);
  });

  test('one that is killed once holds up no run', async () => {
    const here = place();
    const runs = Array.from({ length: 20 }, (_, n) => `slow ${n}`);
    const first = here.begin({ start: runs.map((id): [string, string, number] => ['slow', id, 300]) });
    for (const id of runs) await here.noted(`step ${id}`);
    await first.kill();
    const next = here.begin();
    // All are under way before any has ended.
    for (const id of runs) await here.noted(`step ${id}`, 2);
    expect([...(await here.runs()).values()].filter(({ status }) => status === 'SUCCEEDED').length).toBeLessThan(20);
    expect(new Set(Object.values((await next.statuses()) ?? {}))).toEqual(new Set(['SUCCEEDED']));
  });

  test('runs that sleep in memory, however often their process is killed', async () => {
    const here = place();
    const start = Array.from({ length: 20 }, (_, n): [string, string] => ['sleeper', `sleeper ${n}`]);
    for (let kill = 1; kill <= 4; kill += 1) {
      const process = here.begin(kill === 1 ? { start } : {});
      await process.heard(({ open }) => open === true);
      await here.until(({ status, crashes }) => status === 'RUNNING' && crashes === 0, 20);
      await process.kill();
    }
    expect([...(await here.runs()).values()].map(({ crashes }) => crashes)).toEqual(Array(20).fill(0));
  });

  test('an engine that is closed in good order while a suspect is tried', async () => {
    const here = place();
    for (const times of [1, 2, 3]) {
      const process = here.begin({ start: times === 1 ? [['slow', 's', 2_000]] : [], settled: ['another'] });
      await here.noted('step s', times);
      if (times < 3) {
        await process.kill();
        continue;
      }
      process.tell({ close: true });
      await process.exited;
    }
    // The action came to its end before the engine was closed, and so was recorded.
    expect(await here.runs()).toEqual(new Map([['s', expect.objectContaining({ status: 'PENDING', crashes: 2 })]]));
    expect((await here.live({})).statuses).toEqual({ s: 'SUCCEEDED' });
  });

  test('a process that stands still counts as one that died, until its runs record something', async () => {
    const here = place();
    const first = here.begin({ start: [['long', 'l', 40]], leaseMs: 300 });
    await here.noted('step l 2');
    await first.stop(here);
    const second = here.begin();
    await here.until(({ crashes }) => crashes === 1);
    first.resume();
    expect(await second.statuses()).toEqual({ l: 'SUCCEEDED' });
    expect(await first.statuses()).toEqual({ l: 'SUCCEEDED' });
  });
});
