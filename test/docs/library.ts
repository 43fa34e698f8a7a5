/** The library as those who install it get it, in one module: to evaluate that again makes another copy of all of it. */
export * as perdure from '../../src/index.js';
export * as store from '../../src/store.js';
export * as testing from '../../src/testing.js';
