import { isRecord } from '../../lib/is-record.ts';

/** A line of the access log of an ingress-nginx, as far as it says what was routed how. */
export interface LoggedRequest {
  readonly method: string;
  /** Path and query of the request line. */
  readonly target: string;
  readonly status: number;
  /** `namespace-service-port`; empty where none was asked. */
  readonly upstream: string;
  /** Undefined where the format of the log does not have it, as that by default. */
  readonly host: string | undefined;
  readonly scheme: 'http' | 'https' | undefined;
}

/**
 * `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length
 * $request_time [$proxy_upstream_name] …`: log-format-upstream by default. What was added behind it does no harm.
 */
const LINE =
  /^\S+ - .* \[[^\]]+\] "([A-Z]+) (\S+)(?: HTTP\/[\d.]+)?" (\d{3}) \d+ "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*" \d+ [\d.]+ \[([^\]]*)\]/;

/** Reads one line, of the format by default or of JSON with the names of variables of nginx; undefined where it is neither. */
export function loggedRequest(line: string): LoggedRequest | undefined {
  const text = line.trim();
  if (text.startsWith('{')) return ofJson(text);
  const [, method, target, status, upstream = ''] = LINE.exec(text) ?? [];
  if (method === undefined || target === undefined) return undefined;
  return { method, target, status: Number(status), upstream: named(upstream), host: undefined, scheme: undefined };
}

/** nginx writes `-` for what is not there, and names the server for what no Ingress wants. */
function named(upstream: string): string {
  return upstream === '-' || upstream === 'upstream-default-backend' ? '' : upstream;
}

/** The names under which people write these variables. */
const FIELDS = {
  request: ['request'],
  method: ['request_method', 'method', 'requestMethod'],
  target: ['request_uri', 'requestUri', 'uri', 'path', 'requestUrl'],
  status: ['status'],
  upstream: ['proxy_upstream_name', 'upstream_name', 'upstreamName', 'proxyUpstreamName'],
  host: ['host', 'http_host', 'vhost', 'server_name', 'authority'],
  scheme: ['scheme', 'x_forwarded_proto', 'proto'],
} as const;

function ofJson(text: string): LoggedRequest | undefined {
  const value = parsed(text);
  if (!isRecord(value)) return undefined;
  const field = (names: readonly string[]): string | undefined => {
    const found = names.map((name) => value[name]).find((item) => typeof item === 'string' || typeof item === 'number');
    return found === undefined ? undefined : String(found);
  };
  const [, lineMethod, lineTarget] = /^([A-Z]+) (\S+)/.exec(field(FIELDS.request) ?? '') ?? [];
  const method = lineMethod ?? field(FIELDS.method);
  const target = lineTarget ?? field(FIELDS.target);
  const status = Number(field(FIELDS.status));
  if (method === undefined || target === undefined || !Number.isInteger(status)) return undefined;
  const scheme = field(FIELDS.scheme);
  return {
    method,
    target,
    status,
    upstream: named(field(FIELDS.upstream) ?? ''),
    host: field(FIELDS.host),
    scheme: scheme === 'http' || scheme === 'https' ? scheme : undefined,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A line that was cut off is one that cannot be read.
    return undefined;
  }
}
