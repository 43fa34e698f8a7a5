import { once } from 'node:events';
import { createServer } from 'node:http2';
import * as restate from '@restatedev/restate-sdk';
import * as clients from '@restatedev/restate-sdk-clients';
import { inHundreds, inSequence } from '../measure.js';

const step = (context, n) => context.run('step', () => n);

/** Latencies stay in the process: as a result they would be written by the server. */
let latencies = [];

const bench = restate.service({
  name: 'bench',
  handlers: {
    sequence: async (context, count) => {
      latencies = await inSequence(count, (n) => step(context, n));
    },
    fanOut: async (context, count) => {
      const results = await restate.RestatePromise.all(Array.from({ length: count }, (_, n) => step(context, n)));
      return results.length;
    },
    threeSteps: async (context, n) => {
      await step(context, n);
      await step(context, n);
      return step(context, n);
    },
    oneStep: (context, n) => step(context, n),
  },
});

/** Sleepers leave the process soon; by default they would stay in it for a minute. */
const bedroom = restate.service({
  name: 'bedroom',
  options: { inactivityTimeout: 100 },
  handlers: {
    sleeper: async (context, n) => {
      await context.sleep({ days: 30 });
      return n;
    },
  },
});

/** Serves the services to the server, which is told of them unless it knows them. */
async function serve({ adminUrl, servicePort, again }, services) {
  const endpoint = createServer(restate.createEndpointHandler({ services })).listen(servicePort, '127.0.0.1');
  await once(endpoint, 'listening');
  if (again) return;
  const answer = await fetch(`${adminUrl}/deployments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uri: `http://127.0.0.1:${servicePort}` }),
  });
  if (!answer.ok) throw new Error(`the deployment was refused: ${await answer.text()}`);
}

/** @returns {Promise<import('../measure.js').Adapter>} */
export async function open(options) {
  await serve(options, [bench, bedroom]);
  const ingress = clients.connect({ url: options.url });
  const { sequence, fanOut, threeSteps, oneStep } = ingress.serviceClient({ name: 'bench' });
  const { sleeper } = ingress.serviceSendClient({ name: 'bedroom' });
  return {
    sequence: async (count) => {
      await sequence(count);
      return latencies;
    },
    fanOut: (count) => fanOut(count),
    manyFlows: (count) => Promise.all(Array.from({ length: count }, (_, n) => threeSteps(n))),
    oneStep: (n) => oneStep(n),
    sleepers: (count) => inHundreds(count, (n) => sleeper(n)),
    close: async () => {},
  };
}

/** The server tries again until the killed process serves once more, with a back-off that begins at half a second. */
export async function recover(options, count, reach) {
  let finish;
  const finished = new Promise((resolve) => {
    finish = resolve;
  });
  const recovery = restate.service({
    name: 'recovery',
    handlers: {
      run: async (context) => {
        await inSequence(count, (n) => step(context, n));
        await context.run('last', reach);
        finish();
      },
    },
  });
  await serve(options, [recovery]);
  if (!options.again) await clients.connect({ url: options.url }).serviceSendClient({ name: 'recovery' }).run();
  await finished;
}
