import { Fault } from '../lib/fault.ts';
import { isRecord } from '../lib/is-record.ts';

/** What RBAC refused, as the API server said it: the words that a missing rule needs. */
export interface Denied {
  readonly user: string;
  readonly verb: string;
  readonly group: string;
  /** With its subresource: `ingresses/status`. */
  readonly resource: string;
  /** Undefined when the verb was asked for the whole cluster. */
  readonly namespace: string | undefined;
}

/** One reason among several of a refused request: a field, or a field manager who owns it. */
export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

/** The `Status` object with which the API server explains a refusal, as far as it gave one. */
export interface ApiStatus {
  /** HTTP status code. */
  readonly status: number;
  /** Machine-readable, from the Kubernetes API conventions: `Forbidden`, `Expired`, `Conflict`. Empty when unknown. */
  readonly reason: string;
  readonly message: string;
  readonly causes: readonly StatusCause[];
  /** How long the server asks callers to stay away, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/**
 * The API server answered, and the answer was no: an HTTP status outside 200–299 or an ERROR event
 * in a watch. Its code is `kube-http-<status>`.
 */
export class ApiFault extends Fault implements ApiStatus {
  readonly status: number;
  readonly reason: string;
  readonly causes: readonly StatusCause[];
  /** Set for a 403 of the authorizer (and not of an admission plug-in). */
  readonly denied: Denied | undefined;

  /** @param action what was tried, for people: `GET https://10.0.0.1/api/v1/services` */
  constructor(action: string, answer: ApiStatus) {
    const said = answer.message === '' ? answer.reason : answer.message;
    super(`kube-http-${answer.status}`, `${action}: the API server answered ${answer.status}: ${said}`, {
      retryable: !unrepeatable.has(answer.status),
      retryAfterMs: answer.retryAfterMs,
    });
    this.status = answer.status;
    this.reason = answer.reason;
    this.causes = answer.causes;
    this.denied = answer.status === 403 ? decodeDenied(answer.message) : undefined;
  }
}

/** The request itself is wrong; sending the same bytes again gives the same answer. */
const unrepeatable: ReadonlySet<number> = new Set([400, 405, 406, 413, 415, 422]);

/**
 * Reads a `Status` object, or whatever a proxy put in its place (an HTML page, nothing at all).
 *
 * @param status the HTTP status; for an ERROR event in a watch, where HTTP said 200, pass undefined
 *   and the object's own code counts
 * @param retryAfter the Retry-After header
 */
export function decodeStatus(status: number | undefined, body: unknown, retryAfter?: string): ApiStatus {
  const object = isRecord(body) && body['kind'] === 'Status' ? body : {};
  const details = isRecord(object['details']) ? object['details'] : {};
  const code = object['code'];
  return {
    status: status ?? (typeof code === 'number' ? code : 500),
    reason: text(object['reason']),
    message: typeof body === 'string' ? excerpt(body) : text(object['message']),
    causes: Array.isArray(details['causes']) ? details['causes'].map(decodeCause) : [],
    retryAfterMs: decodeRetryAfter(retryAfter) ?? decodeRetryAfter(details['retryAfterSeconds']),
  };
}

function decodeCause(value: unknown): StatusCause {
  const cause = isRecord(value) ? value : {};
  return { reason: text(cause['reason']), message: text(cause['message']), field: text(cause['field']) };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function excerpt(body: string): string {
  const line = body.replaceAll(/\s+/g, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

/** RFC 9110 §10.2.3 also allows a date here; the API server only ever sends seconds, so a date is ignored. */
function decodeRetryAfter(value: unknown): number | undefined {
  const seconds = typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : value;
  return typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined;
}

/**
 * The authorizer says what it refused only in prose. The wording (k8s.io/apiserver
 * `handlers/responsewriters/errors.go`) has been the same since RBAC exists; where it should differ,
 * `denied` is missing and the message still says it all.
 */
const deniedMessage =
  /User "(?<user>[^"]*)" cannot (?<verb>\S+) resource "(?<resource>[^"]*)" in API group "(?<group>[^"]*)"(?: in the namespace "(?<namespace>[^"]*)")?/;

function decodeDenied(message: string): Denied | undefined {
  const groups = deniedMessage.exec(message)?.groups;
  if (groups === undefined) return undefined;
  const { user = '', verb = '', resource = '', group = '', namespace } = groups;
  return { user, verb, group, resource, namespace };
}
