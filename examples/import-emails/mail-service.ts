import { setTimeout as delay } from 'node:timers/promises';

const LATENCY_MS = Number(process.env.MAIL_SERVICE_MS) || 5;

/** Local part and domain, of the characters that are used for them. The full grammar knows more, which hardly any server takes. */
const ADDRESS = /^[\w.+'-]+@([a-z\d-]+(?:\.[a-z\d-]+)+)$/i;
const DOMAINS_WITHOUT_MAIL: ReadonlySet<string> = new Set(['gone.example']);

/**
 * Stands for a service on the network that is asked about one address at a time. Its answer depends on nothing but the address.
 *
 * @returns What is wrong with the address; `undefined` when mail can be sent to it.
 */
export async function findProblem(email: string, signal: AbortSignal): Promise<string | undefined> {
  await delay(LATENCY_MS, undefined, { signal });
  if (email === '') return 'is missing';
  const domain = ADDRESS.exec(email)?.[1]?.toLowerCase();
  if (domain === undefined) return 'is not an address';
  if (DOMAINS_WITHOUT_MAIL.has(domain)) return 'has a domain that takes no mail';
  if (email.includes('-closed@')) return 'is a mailbox that was closed';
  return undefined;
}
