// A package that has another version of perdure.
import * as perdure from 'perdure';
import * as testing from 'perdure/testing';

const never = async () => {};
class Shop {
  sell() {}
}

/** All that uses the library. */
export const uses = {
  flow: () => perdure.flow('old.flow', never),
  action: () => perdure.action('old.action', never),
  decorator: () =>
    perdure.action({})(Shop.prototype.sell, { kind: 'method', name: 'sell', static: false, private: false, addInitializer() {} }),
  open: () => perdure.open({ store: ':memory:', default: false }),
  createTestEngine: () => testing.createTestEngine(),
  sqliteStore: () => perdure.sqliteStore('old.db'),
  registerError: () => perdure.registerError(class Old extends Error {}),
  startable: () => perdure.startable(never),
  sleep: () => perdure.sleep(1),
  now: () => perdure.now(),
  flowContext: () => perdure.flowContext(),
  actionContext: () => perdure.actionContext(),
  wait: () => perdure.wait([]),
};
