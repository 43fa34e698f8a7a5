import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Options } from 'tsup';
import manifest from './package.json' with { type: 'json' };

/** The entries of the package that `require` reaches as CommonJS, where it takes no ES module. */
const COMMONJS_ENTRIES = ['index', 'store', 'testing'];

const shared: Options = {
  target: 'node20',
  platform: 'node',
  tsconfig: 'tsconfig.build.json',
  // `node:sqlite` exists only under its prefix: stripping it, tsup's default, would break the import.
  removeNodeProtocol: false,
  // The library reads its version from there. The rest does not belong in the build.
  esbuildPlugins: [
    {
      name: 'only-the-version',
      setup(build) {
        build.onLoad({ filter: /package\.json$/ }, () => ({ contents: JSON.stringify({ version: manifest.version }), loader: 'json' }));
      },
    },
  ],
  external: ['@photostructure/sqlite', 'libsql', 'better-sqlite3'],
};

// The build script empties dist/ before: the two builds run side by side.
export default defineConfig([
  { ...shared, entry: ['src/index.ts', 'src/store.ts', 'src/testing.ts'], format: ['esm'], dts: true, sourcemap: true },
  {
    ...shared,
    entry: ['src/commonjs.ts'],
    format: ['cjs'],
    dts: { entry: Object.fromEntries(COMMONJS_ENTRIES.map((name) => [name, `src/${name}.ts`])) },
    // Some of the dependencies are ES modules only.
    noExternal: Object.keys(manifest.dependencies),
    shims: true,
    plugins: [
      {
        name: 'commonjs-entries',
        buildEnd() {
          const { outDir } = this.options;
          for (const name of COMMONJS_ENTRIES) {
            writeFileSync(join(outDir, `${name}.cjs`), `module.exports = require('./commonjs.cjs').${name};\n`);
          }
        },
      },
    ],
  },
]);
