import { defineConfig } from 'tsup';

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
  external: ['libsql', 'better-sqlite3'],
});
