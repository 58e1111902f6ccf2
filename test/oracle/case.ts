import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A raw object of Kubernetes. */
export interface RawObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
}

/** Lower-case name to value, or values where there are several. */
export type Headers = Readonly<Record<string, string | readonly string[]>>;

/** What reached a backend. */
export interface BackendView {
  readonly pod: string;
  /** The first line, of what is not HTTP. */
  readonly raw?: string;
  readonly method?: string;
  /** As it stands in the request line. */
  readonly path?: string;
  readonly host?: string;
  readonly headers?: Headers;
  readonly len?: number;
  readonly peerCN?: string;
  readonly err?: string;
}

/** What a client got, and what reached the backends because of it. The names are those of the record. */
export interface Observation {
  /** A number for HTTP; otherwise what became of the connection. */
  readonly status?: number | string | null;
  readonly headers?: Headers;
  readonly body?: string | null;
  readonly len?: number;
  /** Of several requests, how many had which status; of a raw exchange, the status of each answer. */
  readonly statuses?: Readonly<Record<string, number>> | readonly number[];
  /** How many of several requests which pod answered; `-`: none. */
  readonly pods?: Readonly<Record<string, number>>;
  readonly reached?: Readonly<Record<string, number>>;
  readonly backend?: BackendView | readonly BackendView[] | null;
  readonly cert?: string | null;
  readonly alpn?: string | null;
  readonly trailers?: Readonly<Record<string, string>>;
  readonly ws_echo?: boolean;
  readonly ws_after_change?: boolean;
  readonly ws_after_idle?: string;
  readonly ingress_status?: unknown;
}

/** What is changed before a request. */
export interface Step {
  readonly apply?: readonly RawObject[];
  readonly delete?: readonly RawObject[];
  readonly configmap?: Readonly<Record<string, string>>;
  /** Seconds. */
  readonly sleep?: number;
}

/** One request, and what the record says of it. Times are in seconds, as in the record. */
export interface Request {
  readonly method?: string;
  readonly host?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>> | readonly (readonly [string, string])[];
  readonly http?: string;
  readonly nohost?: boolean;
  readonly body?: string;
  readonly body_size?: number;
  readonly chunked?: boolean;
  readonly raw?: string;
  readonly tls?: boolean;
  readonly tls_max?: string;
  readonly ciphers?: string;
  readonly alpn?: readonly string[];
  readonly client_cert?: string;
  readonly show_cert?: boolean;
  /** The address from which the client connects. */
  readonly src?: string;
  /** What a balancer says in front of the connection. */
  readonly proxy?: string;
  readonly timeout?: number;
  /** Present where curl spoke HTTP/2 in the record. */
  readonly curl?: readonly string[];
  readonly ws?: { readonly idle?: number; readonly churn?: number };
  readonly tcp?: number;
  readonly udp?: number;
  readonly send?: string;
  readonly count?: number;
  readonly parallel?: number;
  readonly gap?: number;
  /** Requests with the same jar are of one client with cookies. */
  readonly jar?: string;
  readonly fresh?: boolean;
  readonly log_wait?: number;
  readonly status_of?: string;
  readonly before?: Step;
  readonly observed: Observation;
}

/** Some objects, and what became of requests while they were served. */
export interface Case {
  readonly id: string;
  readonly topic: string;
  readonly title?: string;
  readonly objects: readonly RawObject[];
  readonly configmap?: Readonly<Record<string, string>>;
  readonly tcp?: Readonly<Record<string, string>>;
  readonly udp?: Readonly<Record<string, string>>;
  /** Whether each object was created in a second of its own; otherwise their names decide which is older. */
  readonly ordered?: boolean;
  /** Of the command line of ingress-nginx. */
  readonly flags?: readonly string[];
  /** Whether ingress-nginx took the configuration over; otherwise its answers are those of an earlier one. */
  readonly synced: boolean;
  readonly requests: readonly Request[];
}

/** The recorded cases that can be compared: those that ingress-nginx took over, and that need no flags of its own. */
export function recordedCases(): readonly Case[] {
  const text = readFileSync(join(import.meta.dirname, 'cases.jsonl'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Case)
    .filter(({ synced, flags = [] }) => synced && flags.length === 0);
}

/** What reached backends, as a list. */
export function reachedBackends({ backend }: Observation): readonly BackendView[] {
  if (backend === undefined || backend === null) return [];
  return Array.isArray(backend) ? (backend as readonly BackendView[]) : [backend as BackendView];
}

/** The headers of a request, in order. */
export function headerPairs({ headers = [] }: Request): readonly (readonly [string, string])[] {
  return Array.isArray(headers) ? (headers as readonly (readonly [string, string])[]) : Object.entries(headers);
}
