import { createRequire } from 'node:module';

/** A driver that a package has installed for itself. */
export function driverOf(folder, name) {
  const module = createRequire(new URL(`./${folder}/package.json`, import.meta.url))(name);
  if (name === 'libsql') return { name, connect: (path) => new module(path) };
  return {
    name,
    connect(path) {
      const database = new module.DatabaseSync(path);
      return {
        exec: (sql) => database.exec(sql),
        close: () => database.close(),
        prepare(sql) {
          const statement = database.prepare(sql);
          return {
            run: (params) => ({ changes: Number(statement.run(...params).changes) }),
            get: (params) => statement.get(...params),
            all: (params) => statement.all(...params),
          };
        },
      };
    },
  };
}
