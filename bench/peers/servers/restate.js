import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { start, stop } from '../processes.js';
import { freePort } from './free-port.js';

/** A single node of Restate with its defaults, which are durable. Its program comes with the npm package of the platform. */
export async function startRestate(directory) {
  const server = createRequire(import.meta.url).resolve(
    `@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`,
  );
  const [fabric, ingress, admin, service] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const child = start(server, ['--no-logo', `--base-dir=${join(directory, 'restate')}`, '--node-name=bench'], {
    stdio: 'ignore',
    env: {
      ...process.env,
      DO_NOT_TRACK: '1',
      RESTATE_DISABLE_TELEMETRY: 'true',
      RESTATE_LOG_FILTER: 'error',
      RESTATE_LISTEN_MODE: 'tcp',
      RESTATE_BIND_ADDRESS: `127.0.0.1:${fabric}`,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
    },
  });
  const urls = { url: `http://127.0.0.1:${ingress}`, adminUrl: `http://127.0.0.1:${admin}`, servicePort: service };
  await healthy(child, [`${urls.url}/restate/health`, `${urls.adminUrl}/health`]);
  return { pid: child.pid, ...urls, stop: () => stop(child, 'SIGTERM') };
}

/** Asks until each address answers well. @throws when the server has ended, or after a minute. */
async function healthy(child, addresses) {
  for (const address of addresses) {
    for (let tries = 0; ; tries += 1) {
      const answer = await fetch(address).catch(() => undefined);
      if (answer?.ok) break;
      if (child.exitCode !== null) throw new Error(`restate-server ended with ${child.exitCode}`);
      if (tries === 600) throw new Error(`restate-server does not answer at ${address}`);
      await pause(100);
    }
  }
}
