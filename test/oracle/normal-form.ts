import type { Headers } from './case.ts';

/** Where the echo backends are, in the namespace of the runner. */
export const ECHO_ADDRESS = '10.213.0.2';

/** The ports of the controller under test. */
export interface Ports {
  readonly http: number;
  readonly https: number;
}

/** In the record, what differs from run to run is replaced by names. */
export function normalise(text: string, { http, https }: Ports): string {
  const plain = text
    .replaceAll(new RegExp(`(^|:)${String(http)}\\b`, 'g'), '$1{HTTP_PORT}')
    .replaceAll(new RegExp(`(^|:)${String(https)}\\b`, 'g'), '$1{HTTPS_PORT}')
    .replaceAll(ECHO_ADDRESS, '{ECHO_IP}')
    .replaceAll(/(expires=)[A-Z][a-z]{2}, [^;]*GMT/gi, '$1<date>')
    .replaceAll(/\b[0-9a-f]{32}\b/g, '<hex32>')
    .replaceAll(/(PROXY TCP4 \S+ \S+) \d+ \d+/g, '$1 <port> <port>');
  return plain.length <= 600 ? plain : `${plain.slice(0, 60)}...<${String(plain.length)} characters>`;
}

/** Headers as they stand in the record. `pairs` are name and value in turn, as Node gives them raw. */
export function headersOf(pairs: readonly string[], ports: Ports, left: readonly string[]): Headers {
  const headers: Record<string, string | string[]> = {};
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const name = (pairs[at] ?? '').toLowerCase();
    if (left.includes(name)) continue;
    const value = normalise(pairs[at + 1] ?? '', ports);
    const known = headers[name];
    headers[name] = known === undefined ? value : [...(Array.isArray(known) ? known : [known]), value];
  }
  return headers;
}

/** An object of a case with the addresses, ports and certificates of this run in it. */
export function substituted<T>(value: T, ports: Ports, certificates: (file: string) => string): T {
  const text = JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'string' ? withValues(item, ports, certificates) : item,
  );
  return JSON.parse(text) as T;
}

function withValues(text: string, { http, https }: Ports, certificates: (file: string) => string): string {
  return text
    .replaceAll('{ECHO_IP}', ECHO_ADDRESS)
    .replaceAll('{HTTP_PORT}', String(http))
    .replaceAll('{HTTPS_PORT}', String(https))
    .replaceAll(/\{CERT:([\w.]+)\}/g, (_, file: string) => certificates(file))
    .replaceAll(/\{CERT64:([\w.]+)\}/g, (_, file: string) => Buffer.from(certificates(file)).toString('base64'));
}
