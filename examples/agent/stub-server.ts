import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { Message, Reply } from './agent.js';

/** What the server was asked for, and what it did. */
export interface StubServer extends AsyncDisposable {
  readonly url: string;
  /** How many messages the conversation had, at each call of the model. */
  readonly modelCalls: readonly number[];
  /** The customers that were reminded: each key counts once. */
  readonly reminded: ReadonlyMap<string, string>;
}

const INVOICES = [
  { customer: 'Ada', cents: 12_000, overdue: false },
  { customer: 'Grace', cents: 7_500, overdue: true },
];

/** What the model says when the conversation has so many messages: first it looks, then it acts, then it answers. */
function reply(messages: readonly Message[]): Reply {
  const last = messages.at(-1)?.content;
  if (messages.length === 1) return { kind: 'tool', tool: 'findInvoices', input: { overdue: true } };
  if (messages.length === 3) return { kind: 'tool', tool: 'sendReminder', input: { customer: 'Grace' } };
  return { kind: 'answer', text: `One invoice is overdue, that of Grace. ${last}` };
}

/** Stands for a model and its tools, on a free port. */
export async function startStubServer(): Promise<StubServer> {
  const modelCalls: number[] = [];
  const reminded = new Map<string, string>();

  const routes: Record<string, (body: unknown, key: string) => unknown> = {
    '/model': (body) => {
      const { messages } = body as { messages: Message[] };
      modelCalls.push(messages.length);
      return reply(messages);
    },
    '/tools/findInvoices': (body) => INVOICES.filter(({ overdue }) => overdue === (body as { overdue: boolean }).overdue),
    '/tools/sendReminder': (body, key) => {
      const { customer } = body as { customer: string };
      reminded.set(key, customer);
      return `${customer} was reminded.`;
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = routes[request.url ?? ''];
    if (route === undefined) return void response.writeHead(404).end();
    const result = route(await json(request), String(request.headers['idempotency-key']));
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result));
  }

  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    modelCalls,
    reminded,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
