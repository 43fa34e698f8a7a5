import { action, flow, flowContext, startable } from 'perdure';
import { describe, expect, test } from 'vitest';
import { runChild } from './run-child.js';
import { inFlow, openEngine, unique } from './with-engine.js';

/** How a decorator is called by code that was compiled with `experimentalDecorators`. */
type LegacyDecorator = (target: object, name: string, descriptor: PropertyDescriptor | undefined) => unknown;

describe('a decorated method', () => {
  test('is a flow or action bound to its object, named Class.method', async () => {
    class Shop {
      readonly rate = 2;
      @action
      async price(amount: number): Promise<number> {
        return amount * this.rate;
      }
      @flow
      async order(amount: number): Promise<{ price: number; flow: string }> {
        return { price: await this.price(amount), flow: flowContext().flow };
      }
    }
    const shop = new Shop();
    const { engine } = await openEngine();
    expect(await engine.start(startable(shop.order), [21])).toStrictEqual({ price: 42, flow: 'Shop.order' });
    expect(startable(shop.price).name).toBe('Shop.price');
  });

  test('keeps `this` when it is taken off its object', async () => {
    class Unbound {
      readonly word = 'kept';
      @flow
      async read(): Promise<string> {
        return this.word;
      }
    }
    const { read } = new Unbound();
    const { engine } = await openEngine();
    expect(await engine.start(startable(read), [])).toBe('kept');
  });

  test('takes options', async () => {
    class Optioned {
      @flow({ version: 4 })
      async run(): Promise<number> {
        return flowContext().version;
      }
    }
    const { engine } = await openEngine();
    expect(await engine.start(startable(new Optioned().run), [])).toBe(4);
  });

  test('can be static', async () => {
    // biome-ignore lint/complexity/noStaticOnlyClass: static methods are what is tested
    class Statics {
      static readonly base = 40;
      @action
      static async add(n: number): Promise<number> {
        // biome-ignore lint/complexity/noThisInStatic: the name of a class that names itself is changed by esbuild
        return this.base + n;
      }
      @flow
      static async run(): Promise<number> {
        // biome-ignore lint/complexity/noThisInStatic: as above
        return startable(this.add).start(2);
      }
    }
    const { engine } = await openEngine();
    const run = startable(Statics.run);
    expect(run.name).toBe('Statics.run');
    expect(await engine.start(run, [])).toBe(42);
  });

  test('can use private fields', async () => {
    class Hidden {
      readonly #secret = 'secret';
      @action
      async tell(): Promise<string> {
        return this.#secret;
      }
    }
    const hidden = new Hidden();
    expect(await inFlow(async () => startable(hidden.tell).start())).toBe('secret');
  });

  test('is started and called with options through startable()', async () => {
    class Started {
      @action
      async greet(name: string): Promise<string> {
        return `Hello, ${name}`;
      }
    }
    const started = new Started();
    expect(
      await inFlow(async () => {
        const future = startable(started.greet).with({ name: 'greeting' }).start('Ada');
        return [future.name, await future];
      }),
    ).toStrictEqual(['greeting', 'Hello, Ada']);
  });

  test('does not show among the keys of its object', () => {
    class Keys {
      readonly field = 1;
      @action
      async act(): Promise<void> {}
    }
    expect(Object.keys(new Keys())).toStrictEqual(['field']);
  });
});

describe('several objects of a class', () => {
  test('a second construction without instance is refused', () => {
    class Twice {
      @flow
      async run(): Promise<void> {}
    }
    new Twice();
    expect(() => new Twice()).toThrow(
      expect.objectContaining({ name: 'UsageError', code: 'INSTANCE_REQUIRED', message: expect.stringContaining('instance') }),
    );
  });

  test('may freeze themselves when they are constructed', async () => {
    class Frozen {
      readonly id: string;
      constructor(id: string) {
        this.id = id;
        Object.freeze(this);
      }
      @flow({ instance: (self: Frozen) => self.id })
      async whoami(): Promise<string> {
        return this.id;
      }
    }
    const frozen = new Frozen('cold');
    const { engine } = await openEngine();
    expect(await engine.start(startable(frozen.whoami), [])).toBe('cold');
    expect(await engine.start(startable(frozen.whoami), [])).toBe('cold');
  });

  test('keep what is put in place of the method', async () => {
    class Replaced {
      readonly id: string = 'replaced';
      @flow({ instance: (self: Replaced) => self.id })
      async whoami(): Promise<string> {
        return this.id;
      }
    }
    const replaced = new Replaced();
    replaced.whoami = async () => 'another';
    expect(await replaced.whoami()).toBe('another');
  });

  test('are told apart by instance', async () => {
    class Tenant {
      readonly id: string;
      constructor(id: string) {
        this.id = id;
      }
      @flow({ instance: (self: Tenant) => self.id })
      async whoami(): Promise<string> {
        return this.id;
      }
    }
    const [one, two] = [new Tenant('one'), new Tenant('two')];
    const { engine } = await openEngine();
    expect(await engine.start(startable(one.whoami), [])).toBe('one');
    expect(await engine.start(startable(two.whoami), [])).toBe('two');
    expect(startable(one.whoami).name).not.toBe(startable(two.whoami).name);
    expect(startable(one.whoami).name).toContain('Tenant.whoami');
  });

  test('are registered without being used, so that recovery finds them', async () => {
    class Registered {
      readonly id: string;
      constructor(id: string) {
        this.id = id;
      }
      @flow({ instance: (self: Registered) => self.id })
      async run(): Promise<string> {
        return this.id;
      }
    }
    const name = startable(new Registered('first').run).name.replace('first', 'second');
    new Registered('second');
    await Promise.resolve();
    expect(() => flow(name, async () => 1)).toThrow(expect.objectContaining({ code: 'NAME_TAKEN' }));
  });

  test('with the same key are refused where the second method is used, and the process survives', async () => {
    const { code, stdout, stderr } = await runChild('same-instance.ts');
    expect({ code, stdout, stderr }).toStrictEqual({ code: 0, stdout: 'NAME_TAKEN\nalive\n', stderr: '' });
  });
});

describe('a subclass', () => {
  test('has its own name for an inherited method', async () => {
    class Base {
      word = 'base';
      @flow
      async run(): Promise<string> {
        return this.word;
      }
    }
    class Derived extends Base {
      override word = 'derived';
    }
    const [base, derived] = [new Base(), new Derived()];
    const { engine } = await openEngine();
    expect(startable(derived.run).name).toBe('Derived.run');
    expect(await engine.start(startable(derived.run), [])).toBe('derived');
    expect(await engine.start(startable(base.run), [])).toBe('base');
  });

  test('can override a decorated method and call the inherited one', async () => {
    class Parent {
      @flow
      async run(): Promise<string> {
        return 'parent';
      }
    }
    class Child extends Parent {
      @flow
      override async run(): Promise<string> {
        return `child of ${await super.run()}`;
      }
    }
    const { engine } = await openEngine();
    expect(await engine.start(startable(new Child().run), [])).toBe('child of parent');
  });

  test('can override a decorated method with a plain one', async () => {
    class Decorated {
      @flow
      async run(): Promise<string> {
        return 'decorated';
      }
    }
    class Plain extends Decorated {
      override async run(): Promise<string> {
        return 'plain';
      }
    }
    expect(await new Plain().run()).toBe('plain');
  });
});

/** A decorator as other libraries have them. */
function traced<This, A extends unknown[], R>(
  method: (this: This, ...args: A) => Promise<R>,
  _context: ClassMethodDecoratorContext,
): (this: This, ...args: A) => Promise<R> {
  return async function (this: This, ...args: A): Promise<R> {
    calls.push('traced');
    return method.apply(this, args);
  };
}

let calls: string[] = [];

describe('a decorator of another library', () => {
  test('stands below, and is part of the body', async () => {
    calls = [];
    class Inner {
      @action
      @traced
      async step(): Promise<string> {
        return 'done';
      }
      @flow
      async run(): Promise<[string, string]> {
        return [await this.step(), startable(this.step).name];
      }
    }
    const { engine } = await openEngine();
    expect(await engine.start(startable(new Inner().run), [])).toEqual(['done', 'Inner.step']);
    expect(calls).toEqual(['traced']);
  });

  test.each([
    [
      'method',
      () => {
        class Outer {
          @traced
          @action
          async step(): Promise<void> {}
        }
        return new Outer();
      },
    ],
    [
      'static method',
      () => {
        class Outer {
          @traced
          @flow
          static async run(): Promise<void> {}
          readonly id = 1;
        }
        return new Outer();
      },
    ],
  ])('that stands above, where calls of the %s would not be recorded, is refused', (_, construct) => {
    expect(construct).toThrow(
      expect.objectContaining({
        name: 'UsageError',
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining('above all other decorators'),
      }),
    );
  });
});

describe('refusals', () => {
  test('startable() refuses a plain method', () => {
    class Plain {
      async run(): Promise<void> {}
    }
    expect(() => startable(new Plain().run)).toThrow(
      expect.objectContaining({ name: 'UsageError', code: 'NOT_STARTABLE', message: expect.stringContaining('@flow') }),
    );
  });

  test('startable() refuses what is not a function', () => {
    expect(() => startable('run' as never)).toThrow(expect.objectContaining({ code: 'NOT_STARTABLE' }));
  });

  test('a method that is both a flow and an action is refused', () => {
    class Both {
      @flow
      @action
      async run(): Promise<void> {}
    }
    expect(() => new Both()).toThrow(
      expect.objectContaining({ name: 'UsageError', code: 'INVALID_ARGUMENT', message: expect.stringContaining('not both') }),
    );
  });

  test('a private method is refused', () => {
    expect(() => {
      class Private {
        @flow
        async #run(): Promise<void> {}
        use(): unknown {
          return this.#run;
        }
      }
      return new Private();
    }).toThrow(expect.objectContaining({ name: 'UsageError', message: expect.stringContaining('private') }));
  });

  test('a method whose name is a symbol is refused', () => {
    const key = Symbol('key');
    expect(() => {
      class Symbolic {
        @action
        async [key](): Promise<void> {}
      }
      return Symbolic;
    }).toThrow(expect.objectContaining({ name: 'UsageError' }));
  });

  describe.each([
    ['flow', flow as unknown as LegacyDecorator, flow({}) as unknown as LegacyDecorator],
    ['action', action as unknown as LegacyDecorator, action({}) as unknown as LegacyDecorator],
  ])('@%s compiled with experimentalDecorators', (kind, bare, withOptions) => {
    class Legacy {
      static async shared(): Promise<void> {}
      async run(): Promise<void> {}
    }
    test.each([
      ['without options', bare, Legacy.prototype, 'run'],
      ['with options', withOptions, Legacy.prototype, 'run'],
      ['on a static method', bare, Legacy, 'shared'],
      ['on a static method, with options', withOptions, Legacy, 'shared'],
    ])('names the setting: %s', (_form, decorator, target, name) => {
      expect(() => decorator(target, name, Object.getOwnPropertyDescriptor(target, name))).toThrow(
        expect.objectContaining({
          name: 'UsageError',
          code: 'INVALID_ARGUMENT',
          message: expect.stringMatching(new RegExp(`^@${kind} on ${name}: .*switch off "experimentalDecorators" in the tsconfig$`)),
        }),
      );
    });
  });

  test.each([
    ['flow', flow as (options: object) => unknown],
    ['action', action as (options: object) => unknown],
  ])('@%s refuses unknown options where they are written', (_kind, decorator) => {
    expect(() => decorator({ bogus: 1 })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining('bogus') }),
    );
  });
});

test('a wrapped function is startable as it is', () => {
  const plain = action(unique('plain'), async () => 1);
  expect(startable(plain)).toBe(plain);
});
