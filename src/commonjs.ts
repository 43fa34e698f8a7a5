/** All entries as one CommonJS module, so that they share one core. For tools whose `require` takes no ES module, such as jest. */
export * as index from './index.js';
export * as store from './store.js';
export * as testing from './testing.js';
