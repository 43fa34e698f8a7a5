// The rooms of src/, one-way. This table is the only place that says which room may import which; the rules below are made from it.
// Type imports count. A room may always import itself. An import that would point upwards is solved by a narrow interface declared
// where it is used.
const rooms = {
  model: [],
  realm: [],
  errors: ['realm', 'model'],
  options: ['errors', 'realm', 'model'],
  clock: ['options', 'errors', 'realm', 'model'],
  codec: ['options', 'errors', 'realm', 'model'],
  batch: ['codec', 'clock', 'options', 'errors', 'realm', 'model'],
  store: ['codec', 'clock', 'options', 'errors', 'realm', 'model'],
  journal: ['batch', 'store', 'codec', 'clock', 'options', 'errors', 'realm', 'model'],
  futures: ['batch', 'codec', 'clock', 'options', 'errors', 'realm', 'model'],
  runtime: ['journal', 'futures', 'batch', 'store', 'codec', 'clock', 'options', 'errors', 'realm', 'model'],
  worker: ['runtime', 'journal', 'futures', 'batch', 'store', 'codec', 'clock', 'options', 'errors', 'realm', 'model'],
  engine: ['worker', 'runtime', 'journal', 'futures', 'batch', 'store', 'codec', 'clock', 'options', 'errors', 'realm', 'model'],
  api: ['engine', 'runtime', 'futures', 'batch', 'codec', 'clock', 'options', 'errors', 'realm', 'model'],
  testing: [
    'api',
    'engine',
    'worker',
    'runtime',
    'journal',
    'futures',
    'batch',
    'store',
    'codec',
    'clock',
    'options',
    'errors',
    'realm',
    'model',
  ],
};

// The entry points: src/<name>.ts. They re-export from rooms. commonjs.ts holds the other entries together for the CommonJS build; nothing else imports them.
const entries = {
  index: ['api', 'engine', 'runtime', 'futures', 'batch', 'store', 'codec', 'errors', 'model'],
  store: ['store', 'model'],
  testing: ['testing', 'api', 'engine', 'runtime', 'futures', 'store', 'codec', 'errors', 'model'],
  commonjs: 'entries',
};

// Where a SQLite driver may be loaded: here, when it is wanted, and nowhere else.
const sqliteRoom = '^src/store/sqlite/';
const sqliteDriver = '^node:sqlite$|^sqlite$|(^|/)libsql(/|$)|(^|/)better-sqlite3(/|$)|(^|/)@photostructure/sqlite(/|$)';

// "utils" and its kin say nothing about their contents, as a file or as a folder; an index.ts in a room hides what is imported.
const shapeless = '(util|utils|helper|helpers|common|types)(\\.ts$|/)';
const shapelessName = `^src/${shapeless}|^src/.*/${shapeless}`;
const indexInRoom = '^src/.+/index\\.ts$';

const roomPath = (names) => `^src/(${names.join('|')})/`;
const entryPath = `^src/(${Object.keys(entries).join('|')})\\.ts$`;

const roomRules = Object.entries(rooms).map(([room, mayImport]) => ({
  name: `room-${room}`,
  comment: `${room} may import ${mayImport.join(', ') || 'no other room'}.`,
  severity: 'error',
  from: { path: roomPath([room]) },
  to: { path: '^src/', pathNot: roomPath([room, ...mayImport]) },
}));

const entryRules = Object.entries(entries).map(([entry, mayImport]) => ({
  name: `entry-${entry}`,
  comment: `${entry}.ts may import ${[mayImport].flat().join(', ')}.`,
  severity: 'error',
  from: { path: `^src/${entry}\\.ts$` },
  to: { path: '^src/', pathNot: mayImport === 'entries' ? entryPath : roomPath(mayImport) },
}));

// A file is seen by a rule as importing, as imported, or as neither (an orphan): to forbid a name takes all three.
const forbidFile = ({ name, comment, path, pathNot }) => {
  const file = { path, ...(pathNot && { pathNot }) };
  return [
    { name, comment, severity: 'error', from: file, to: {} },
    { name, comment, severity: 'error', from: {}, to: file },
    { name, comment, severity: 'error', from: { ...file, orphan: true }, to: {} },
  ];
};

module.exports = {
  forbidden: [
    ...roomRules,
    ...entryRules,
    ...forbidFile({
      name: 'outside-the-rooms',
      comment: 'Every file of src/ is an entry or lives in a room of the table.',
      path: '^src/',
      pathNot: `${roomPath(Object.keys(rooms))}|${entryPath}`,
    }),
    ...forbidFile({ name: 'shapeless-name', comment: 'Name a file for the one concept it exports.', path: shapelessName }),
    ...forbidFile({ name: 'index-in-room', comment: 'Import the file that has it; rooms have no index.ts.', path: indexInRoom }),
    {
      name: 'sqlite-inside-store',
      comment: 'Only the store, the engine and the entries know that there is SQLite.',
      severity: 'error',
      from: { path: '^src/', pathNot: `${roomPath(['store', 'engine'])}|${entryPath}` },
      to: { path: sqliteRoom },
    },
    {
      name: 'sqlite-driver-place',
      comment: 'SQLite drivers are loaded in src/store/sqlite only.',
      severity: 'error',
      from: { path: '^src/', pathNot: sqliteRoom },
      to: { path: sqliteDriver },
    },
    {
      name: 'sqlite-driver-dynamic',
      comment: 'SQLite drivers are optional: load them when one is wanted, and describe them by a structural type of our own.',
      severity: 'error',
      from: { path: sqliteRoom },
      to: { path: sqliteDriver, dynamic: false },
    },
    {
      name: 'no-cycles',
      comment: 'Declare a narrow interface where it is used, or move the shared part down.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'src-is-self-contained',
      comment: 'The library imports nothing of the tests, examples, benchmarks or its own published name.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|examples|bench|dist)/' },
    },
    {
      name: 'not-to-dev-dependency',
      comment: 'What the library imports is a dependency of its users.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], pathNot: sqliteDriver },
    },
    {
      name: 'public-api-only',
      comment: 'Examples show what a user can write: they import perdure, never its rooms.',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^src/', pathNot: entryPath },
    },
    {
      name: 'no-unresolved',
      comment: 'An import that cannot be found; optional SQLite drivers may be missing.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: sqliteDriver },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Packages of their own, with dependencies of their own.
    exclude: { path: '^bench/peers/|^test/tools/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
};
