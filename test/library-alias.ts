import { fileURLToPath } from 'node:url';

const entry = (name: string): string => fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url));

/** Where the published names of the library lead inside the repository: to its sources. */
export const libraryAlias = [
  { find: /^perdure$/, replacement: entry('index') },
  { find: /^perdure\/store$/, replacement: entry('store') },
  { find: /^perdure\/testing$/, replacement: entry('testing') },
];
