import { readFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { option, optional, type ValuesOf } from '../app/flags/flag.ts';
import { hostPortOf, textOf } from '../app/flags/readers.ts';
import { Fault, messageOf } from '../lib/fault.ts';
import { isRecord } from '../lib/is-record.ts';

/** How long the API may take to answer, in milliseconds. */
const ANSWER_DEADLINE_MS = 10_000;

/** The flags of a command that asks a running Sluice. */
export const API_FLAGS = {
  apiAddress: option({
    flag: '--api-address <host:port>',
    help: 'the API of the running Sluice',
    read: askAt,
    default: '127.0.0.1:9901',
  }),
  apiTokenFile: optional({
    flag: '--api-token-file <file>',
    help: 'the token that the running Sluice was given',
    read: textOf,
  }),
};

/** HOST:PORT. Also :PORT, as it stands in the environment of a container whose Sluice listens on all addresses. */
function askAt(text: string): string {
  return hostPortOf(text.startsWith(':') ? `127.0.0.1${text}` : text);
}

type ApiFlags = ValuesOf<typeof API_FLAGS>;

/** Asks the API of a running Sluice for a JSON object. @throws Fault that says what to do when nobody answers, or somebody else. */
export async function askApi(
  { apiAddress, apiTokenFile }: ApiFlags,
  path: string,
): Promise<Readonly<Record<string, unknown>>> {
  const headers = apiTokenFile === undefined ? {} : { authorization: `Bearer ${await readToken(apiTokenFile)}` };
  const { status, body } = await ask(apiAddress, path, headers);
  if (isRecord(body) && status === 200) return body;
  const reason = isRecord(body) && typeof body['error'] === 'string' ? body['error'] : undefined;
  throw new Fault(
    'api',
    reason ??
      `${apiAddress} answered ${String(status)}; is that the API of Sluice? Say where it is with --api-address.`,
  );
}

async function readToken(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new Fault('api', `the token cannot be read from ${path}: ${messageOf(cause)}`, { cause });
  }
}

interface Answer {
  readonly status: number;
  /** Undefined where it is no JSON. */
  readonly body: unknown;
}

/** By `node:http`, because loading `fetch` takes longer than all the rest. */
async function ask(address: string, path: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  try {
    const signal = AbortSignal.timeout(ANSWER_DEADLINE_MS);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    get(`http://${address}${path}`, { headers, signal }, resolve).on('error', reject);
    const response = await promise;
    return { status: response.statusCode ?? 0, body: jsonOf(await readText(response)) };
  } catch (cause) {
    throw new Fault(
      'api',
      `no Sluice answers on ${address}: ${reasonOf(cause)}. Start one with "sluice run", or say where it is with --api-address.`,
      { cause },
    );
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** For a name with several addresses it is an AggregateError without words of its own; of a deadline, the cause has them. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof AggregateError) return messageOf(thrown.errors[0] ?? thrown);
  return messageOf(thrown instanceof Error && thrown.name === 'AbortError' ? (thrown.cause ?? thrown) : thrown);
}
