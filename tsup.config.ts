import { defineConfig } from 'tsup';
import manifest from './package.json' with { type: 'json' };

export default defineConfig({
  entry: ['src/index.ts', 'src/testing.ts'],
  format: ['esm'],
  target: 'node20',
  platform: 'node',
  tsconfig: 'tsconfig.build.json',
  dts: true,
  sourcemap: true,
  clean: true,
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
  external: ['@photostructure/sqlite', 'better-sqlite3', 'libsql'],
});
