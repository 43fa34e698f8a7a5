import { action, actionContext, type Engine, flow, map, open, registerError } from 'perdure';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { inFlow, openEngine, thrownBy, unique } from './with-engine.js';

/** Loads the same module another time: what it registers returns its own answer. */
const REGISTRATIONS: Readonly<Record<string, (name: string, answer: string) => () => Promise<unknown>>> = {
  'a flow': (name, answer) => flow(name, async () => answer),
  'a flow of a version': (name, answer) => flow(name, async () => answer, { version: 3 }),
  'an action': (name, answer) => {
    const act = action(name, async () => answer);
    return flow(unique('calls'), async () => act());
  },
  'a method': (name, answer) => {
    class Shop {
      @flow
      async sell(): Promise<string> {
        return answer;
      }
    }
    Object.defineProperty(Shop, 'name', { value: name });
    return new Shop().sell;
  },
  'a method of one of several objects': (name, answer) => {
    class Shop {
      @flow({ instance: () => 'Paris' })
      async sell(): Promise<string> {
        return answer;
      }
    }
    Object.defineProperty(Shop, 'name', { value: name });
    return new Shop().sell;
  },
  'a static method': (_, answer) => {
    class StaticShop {
      readonly city = 'Paris';
      @flow
      static async sell(): Promise<string> {
        return answer;
      }
    }
    return StaticShop.sell;
  },
};

class Counter {
  static made = 0;
  readonly number = ++Counter.made;

  @action
  async count(): Promise<number> {
    return this.number;
  }
}

function registersError(name: string): new () => Error {
  const errorClass = class extends Error {};
  registerError(errorClass, name);
  return errorClass;
}

describe('with PERDURE_HOT_RELOAD=1', () => {
  let engine: Engine;
  beforeEach(async () => {
    vi.stubEnv('PERDURE_HOT_RELOAD', '1');
    engine = await open({ store: ':memory:' });
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await engine.close();
  });

  test.each(Object.entries(REGISTRATIONS))('%s takes the place of the one that was registered before', async (_, register) => {
    const name = unique('reloaded');
    const first = register(name, 'before the edit');
    expect(await first()).toBe('before the edit');
    const second = register(name, 'after the edit');
    expect([await second(), await first()]).toStrictEqual(['after the edit', 'after the edit']);
  });

  test('a second object of a class takes the place of the first', async () => {
    const [first, second] = [new Counter(), new Counter()];
    const counts = flow(unique('counts'), async () => [await first.count(), await second.count()]);
    expect(await counts()).toStrictEqual([2, 2]);
  });

  test('a class of errors takes the place of the one that was registered before', async () => {
    const name = unique('Declined');
    const before = registersError(name);
    const after = registersError(name);
    const fails = action(unique('fails'), async () => {
      throw new before();
    });
    expect(await flow(unique('catches'), async () => (await fails.start().exception()) instanceof after)()).toBe(true);
  });

  test('a run that is under way goes on, and takes the new action at its next call', async () => {
    const name = unique('act');
    const load = (answer: string): ReturnType<typeof action<[], string>> =>
      action(name, async () => `${answer} ${actionContext().attempt}`);
    const act = load('old');
    const both = flow(unique('both'), async () => {
      const answers = [await act()];
      load('new');
      return [...answers, await act()];
    });
    expect(await both()).toStrictEqual(['old 1', 'new 1']);
  });
});

describe('without it', () => {
  test.each([
    ['flow', () => flow('hot-reload.taken', async () => {}), 'NAME_TAKEN'],
    ['action', () => action('hot-reload.taken', async () => {}), 'NAME_TAKEN'],
    ['error class', () => registersError('HotReloadTaken'), 'NAME_TAKEN'],
    ['object of a class', () => new Counter(), 'INSTANCE_REQUIRED'],
  ])('a second %s of a name is refused, and the message says how to allow it', async (_, register, code) => {
    await thrownBy(() => register()).catch(() => {});
    expect(await thrownBy(() => register())).toMatchObject({ code, message: expect.stringContaining('PERDURE_HOT_RELOAD=1') });
  });
});

test.each(['0', 'true', 'yes', ' 1'])('PERDURE_HOT_RELOAD=%j is refused at the first registration', async (value) => {
  vi.stubEnv('PERDURE_HOT_RELOAD', value);
  try {
    for (const register of [() => flow(unique(), async () => {}), () => action(unique(), async () => {}), () => registersError(unique())]) {
      expect(await thrownBy(register)).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringMatching(/PERDURE_HOT_RELOAD/) });
    }
  } finally {
    vi.unstubAllEnvs();
  }
});

test('an engine warns of each name of one or two letters that was taken from a function or a class', async () => {
  const warned = (lines: readonly { level: string; message: string }[]): string[] =>
    lines
      .filter(({ level, message }) => level === 'warn' && message.includes('minifier'))
      .map(({ message }) => message.split(' has ')[0] ?? '');
  flow(async function e() {});
  action(async function $t() {});
  action('x', async () => {});
  flow('yz', async function ab() {});
  flow(async function pay() {});
  class Q {
    @flow
    async sell(): Promise<void> {}
  }
  new Q();
  registerError(class E2 extends Error {});
  registerError(class E3 extends Error {}, 'E3');
  const { lines } = await openEngine();
  const expected = ['flow "e"', 'action "$t"', 'flow "Q.sell"', 'error class "E2"'];
  expect(warned(lines)).toStrictEqual(expected);
  flow(async function t() {});
  flow(async function t() {}, { version: 2 });
  const named = action('y', async () => {});
  await inFlow(async () => {
    await map([1], async function m() {});
    await map([1], async function m() {}, { name: 'n' });
    await map([1], named);
  });
  const all = [...expected, 'flow "t"', 'map "m"'];
  expect(warned(lines)).toStrictEqual(all);
  expect(warned((await openEngine()).lines)).toStrictEqual(all);
});
