/** One finished request. Durations are milliseconds; -1 where a phase was never reached. */
export interface AccessEntry {
  readonly timeMs: number;
  readonly client: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly version: string;
  readonly status: number;
  readonly bytes: number;
  /** `namespace/name` of the object whose rule matched; empty when none did. */
  readonly route: string;
  /** Address and port of the endpoint that answered; empty when none did. */
  readonly endpoint: string;
  /** Why Sluice answered itself or the request ended badly; empty for an ordinary answer. */
  readonly reason: string;
  readonly connectMs: number;
  readonly responseMs: number;
  readonly totalMs: number;
  readonly retries: number;
  readonly requestId: string;
}

/**
 * Reads one line of HAProxy's access log, in the format that planes/l7/skeleton.ts asks for.
 * Undefined when it is none.
 */
export function decodeAccessLine(line: string): AccessEntry | undefined {
  const raw = parse(line);
  if (raw === undefined) return undefined;
  const text = (name: string): string => {
    const value = raw[name];
    return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
  };
  const number = (name: string): number => {
    const value = Number(text(name));
    return Number.isFinite(value) ? value : -1;
  };
  const [, , route = '', refusal = ''] = text('route').split('|');
  const server = text('endpoint');
  const endpoint = server.includes('_') ? server.replace(/_(\d+)$/, ':$1') : '';
  const status = number('status');
  return {
    timeMs: number('t'),
    client: text('client'),
    method: text('method'),
    host: text('host'),
    path: text('path'),
    version: text('version'),
    status,
    bytes: number('bytes'),
    route,
    endpoint,
    reason: refusal === '' ? reasonOf(text('ends'), status, text('route'), endpoint) : refusal,
    connectMs: number('connect_ms'),
    responseMs: number('response_ms'),
    totalMs: number('total_ms'),
    retries: number('retries'),
    requestId: text('id'),
  };
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    // Any JSON object is a record of unknown values; each field is checked where it is read.
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Not JSON: a line cut at the ring's limit. The caller counts it.
    return undefined;
  }
}

/** The termination state in words (configuration manual §8.5): who ended the session, and in which phase. */
function reasonOf(ends: string, status: number, route: string, endpoint: string): string {
  const cause = ends.charAt(0);
  const phase = ends.charAt(1);
  if (route === '' && status === 404) return 'no-route';
  if (cause === 'C' || cause === 'c') return phase === 'R' && status === 408 ? 'request-timeout' : 'client-abort';
  if (cause === 'S' && phase === 'C') return endpoint === '' ? 'no-endpoints' : 'connect-failed';
  if (cause === 's' && phase === 'C') return 'connect-timeout';
  if (cause === 's' || cause === 'S') return cause === 's' ? 'response-timeout' : 'endpoint-abort';
  if (cause === 'P' && phase === 'R' && status >= 400) return 'bad-request';
  return '';
}
