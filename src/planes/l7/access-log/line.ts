import { ENDS_LENGTH, ERROR_TRAIL, LEAD, TIME_LENGTH, TRAIL } from './format.ts';
import { reasonOfEnd, reasonOfHandshake } from './reasons.ts';

/**
 * One line of HAProxy's access log: of the JSON, the first fields, which stand in a fixed order, so that they are read without parsing
 * the rest. At tens of thousands of lines a second that decides how much of the machine is left to the requests.
 */
export interface AccessLine {
  /** 0 when there was no answer. */
  readonly status: number;
  /** Milliseconds from the first byte of the request to the last of its answer; -1 when it never began. */
  readonly totalMs: number;
  /** `namespace/name` of the object whose rule matched; empty when none did. */
  readonly route: string;
  /** Whether somebody ended the request before its regular end, or it never reached an endpoint. */
  readonly isOrdinary: boolean;
}

const TIME_AT = LEAD.time.length;
const ENDS_AT = TIME_AT + TIME_LENGTH + LEAD.ends.length;
const STATUS_AT = ENDS_AT + ENDS_LENGTH + LEAD.status.length;
const TO_TOTAL = LEAD.totalMs.length;
const TO_ROUTE = LEAD.route.length;

const BRACE = '{'.charCodeAt(0);
const END_BRACE = '}'.charCodeAt(0);
const QUOTE = '"'.charCodeAt(0);
const MINUS = '-'.charCodeAt(0);
const SLASH = '/'.charCodeAt(0);
const DIGIT_0 = '0'.charCodeAt(0);

/** Reads the line that stands in `bytes` from `start` to `end`. Undefined when it is none, such as one cut at the ring's limit. */
export function readAccessLine(bytes: Buffer, start: number, end: number): AccessLine | undefined {
  if (bytes[start] !== BRACE || bytes[end - 1] !== END_BRACE || bytes[start + TIME_AT + 2] !== SLASH) return undefined;
  const statusEnd = endOfNumber(bytes, start + STATUS_AT);
  const totalAt = statusEnd + TO_TOTAL;
  const totalEnd = endOfNumber(bytes, totalAt);
  const routeAt = totalEnd + TO_ROUTE;
  const routeEnd = bytes.indexOf(QUOTE, routeAt);
  if (bytes[routeAt - 1] !== QUOTE || routeEnd === -1 || routeEnd >= end) return undefined;
  return {
    status: Math.max(numberAt(bytes, start + STATUS_AT, statusEnd), 0),
    totalMs: numberAt(bytes, totalAt, totalEnd),
    route: bytes.toString('latin1', routeAt, routeEnd),
    isOrdinary: bytes[start + ENDS_AT] === MINUS && bytes[start + ENDS_AT + 1] === MINUS,
  };
}

function endOfNumber(bytes: Buffer, at: number): number {
  let end = at;
  for (let byte = bytes[end]; byte !== undefined && isOfNumber(byte); byte = bytes[end]) end += 1;
  return end;
}

function isOfNumber(byte: number): boolean {
  return (byte >= DIGIT_0 && byte <= DIGIT_0 + 9) || byte === MINUS;
}

function numberAt(bytes: Buffer, start: number, end: number): number {
  if (bytes[start] === MINUS) return -1;
  let value = 0;
  for (let at = start; at < end; at += 1) value = value * 10 + (bytes[at] ?? 0) - DIGIT_0;
  return value;
}

const MONTHS = new Map(
  ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'].map((name, index) => [
    monthKey(name.charCodeAt(1), name.charCodeAt(2)),
    String(index + 1).padStart(2, '0'),
  ]),
);

/** The second and third letter of a month tell it from all others. */
function monthKey(second: number, third: number): number {
  return second * 256 + third;
}

/**
 * Turns the time of a line from HAProxy's `24/Nov/2026:20:42:10.191` (UTC) into `2026-11-24T20:42:10.191Z`, which has as many
 * characters, where it stands. HAProxy can write ISO 8601 itself, but takes as long for it as for half of the line.
 */
export function rewriteTime(bytes: Buffer, start: number): void {
  const at = start + TIME_AT;
  const tens = bytes[at] ?? 0;
  const ones = bytes[at + 1] ?? 0;
  const month = MONTHS.get(monthKey(bytes[at + 4] ?? 0, bytes[at + 5] ?? 0)) ?? '00';
  bytes.copyWithin(at, at + 7, at + 11);
  bytes[at + 4] = MINUS;
  bytes[at + 5] = month.charCodeAt(0);
  bytes[at + 6] = month.charCodeAt(1);
  bytes[at + 7] = MINUS;
  bytes[at + 8] = tens;
  bytes[at + 9] = ones;
  bytes[at + 10] = 'T'.charCodeAt(0);
  bytes.copyWithin(at + 11, at + 12, at + 24);
  bytes[at + 23] = 'Z'.charCodeAt(0);
}

/** What HAProxy writes in place of a server when there was none (configuration manual §8.2.3). */
const NO_SERVER = /^<.*>$/;

const TAIL = new RegExp(`^(.*)${TRAIL.endpoint}([^"]*)${TRAIL.reason}([^"]*)"\\}$`, 's');
const ERROR_TAIL = new RegExp(
  `^(.*)${TRAIL.endpoint}[^"]*${ERROR_TRAIL.error}([^"]*)${ERROR_TRAIL.detail}([^"]*)"\\}$`,
  's',
);

/** What HAProxy writes in place of a request that it could not read. */
const UNREAD = '<BADREQ>';

/**
 * A line that did not end as usual, or has a backslash in its path, as valid JSON with the reason in words.
 * Undefined when it is no line of ours.
 */
export function completeLine(line: string): string | undefined {
  const escaped = line
    .replace(/(?<=","path":")[^"]*/, (path) => path.replaceAll('\\', String.raw`\\`))
    .replace(`${LEAD.status}-1`, `${LEAD.status}0`)
    .replaceAll(`"${UNREAD}"`, '""');
  return completeRequest(escaped) ?? completeConnection(escaped);
}

function completeRequest(line: string): string | undefined {
  const [, head, server = '', refusal = ''] = TAIL.exec(line) ?? [];
  if (head === undefined) return undefined;
  const endpoint = NO_SERVER.test(server) ? '' : server;
  const reason = refusal === '' ? endOf(line, endpoint) : refusal;
  return `${head}${TRAIL.endpoint}${endpoint}${TRAIL.reason}${reason}"}`;
}

function endOf(line: string, endpoint: string): string {
  return reasonOfEnd(line.slice(ENDS_AT, ENDS_AT + 2), Number.parseInt(line.slice(STATUS_AT), 10), endpoint);
}

/** The name of the error where HAProxy could not read a request, on a connection that is in order. */
const NO_ERROR = '-';

function completeConnection(line: string): string | undefined {
  const [, head, error = '', detail = ''] = ERROR_TAIL.exec(line) ?? [];
  if (head === undefined) return undefined;
  const reason = reasonOfHandshake(error) ?? endOf(line, '');
  const known = error === NO_ERROR ? '' : detail.replace(/ ?-$/, '');
  return `${head}${TRAIL.endpoint}${TRAIL.reason}${reason}","detail":"${known}"}`;
}

/** A line as a person reads it. */
export function textLine(json: string): string {
  // Written by us, and made valid by completeLine.
  const entry = JSON.parse(json) as Readonly<Record<string, string | number | undefined>>;
  const field = (name: string): string => printable(String(entry[name] ?? ''));
  const orDash = (text: string): string => (text === '' ? '-' : text);
  const words = [
    ...['time', 'client', 'status', 'method'].map(field),
    `${field('host')}${field('path')}`,
    orDash(field('route')),
    orDash(field('endpoint')),
    `${field('totalMs')}ms`,
    field('reason'),
    field('detail').replaceAll(String.raw`\x20`, ' '),
  ];
  return words.join(' ').trimEnd();
}

/** What clients send may hold control characters, which could forge lines or drive a terminal. */
function printable(text: string): string {
  return text.replaceAll(
    /[\u0000-\u0020\u007f-\u009f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
