import { option } from '../app/flags/flag.ts';
import { hostPortOf } from '../app/flags/readers.ts';
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
};

/** HOST:PORT. Also :PORT, as it stands in the environment of a container whose Sluice listens on all addresses. */
function askAt(text: string): string {
  return hostPortOf(text.startsWith(':') ? `127.0.0.1${text}` : text);
}

/** Asks the API of a running Sluice for a JSON object. @throws Fault that says what to do when nobody answers, or somebody else. */
export async function askApi(address: string, path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const signal = AbortSignal.timeout(ANSWER_DEADLINE_MS);
    const response = await fetch(`http://${address}${path}`, { signal });
    const body: unknown = await response.json();
    if (isRecord(body) && response.ok) return body;
    const reason = isRecord(body) && typeof body['error'] === 'string' ? body['error'] : undefined;
    throw new Fault(
      'api',
      reason ??
        `${address} answered ${String(response.status)}; is that the API of Sluice? Say where it is with --api-address.`,
    );
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault(
      'api',
      `no Sluice answers on ${address}: ${reasonOf(cause)}. Start one with "sluice run", or say where it is with --api-address.`,
      { cause },
    );
  }
}

/** fetch() says "fetch failed"; what has failed stands in the cause. */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  // For a name with several addresses it is an AggregateError without words of its own.
  const errors: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
  return messageOf(errors[0] ?? thrown);
}
