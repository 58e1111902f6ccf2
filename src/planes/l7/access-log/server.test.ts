import { once } from 'node:events';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import { AccessLogServer } from './server.ts';
import type { AccessLine } from './line.ts';

interface Parts {
  readonly ends?: string;
  readonly status?: number;
  readonly path?: string;
  readonly endpoint?: string;
  readonly reason?: string;
  readonly route?: string;
  readonly totalMs?: number;
}

/** A line as HAProxy writes it. */
function haproxyLine(parts: Parts = {}): string {
  const {
    ends = '----',
    status = 200,
    path = '/cart',
    endpoint = '10.0.0.1:80',
    reason = '',
    route = 'shop/web',
  } = parts;
  const head = `{"time":"24/Nov/2026:20:42:10.191","log":"access","ends":"${ends}","status":${String(status)}`;
  const rest = `"totalMs":${String(parts.totalMs ?? 12)},"route":"${route}","host":"shop.test","path":"${path}","bytes":124`;
  return `${head},${rest},"endpoint":"${endpoint}","reason":"${reason}"}\n`;
}

let names = 0;

/** What comes out of the log when HAProxy sends these chunks. */
async function relay(chunks: readonly (string | Buffer)[], format: 'json' | 'text' = 'json') {
  const output = new PassThrough();
  const requests: AccessLine[] = [];
  let dropped = 0;
  let writes = 0;
  names += 1;
  const name = `sluice-test-${String(process.pid)}-${String(names)}`;
  const server = new AccessLogServer({
    name,
    format,
    output: {
      write: (some) => {
        writes += 1;
        output.write(some);
      },
    },
    onRequest: (line) => requests.push(line),
    onUnreadable: (lines) => (dropped += lines),
  });
  await server.listen();
  const socket = connect(`\0${name}`);
  for (const chunk of chunks) {
    socket.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end();
  socket.resume();
  await once(socket, 'close');
  await server.close();
  output.end();
  return { lines: (await text(output)).split('\n').filter((line) => line !== ''), requests, dropped, writes };
}

function parsed(line: string | undefined): unknown {
  return JSON.parse(line ?? '');
}

describe('AccessLogServer', () => {
  it('passes an ordinary line on, with its time in ISO 8601', async () => {
    const { lines, requests } = await relay([haproxyLine()]);
    const time = '2026-11-24T20:42:10.191Z';
    expect(lines).toEqual([haproxyLine().trim().replace('24/Nov/2026:20:42:10.191', time)]);
    expect(requests).toEqual([{ status: 200, totalMs: 12, route: 'shop/web', isOrdinary: true }]);
  });

  it.each([
    [
      'refused for a reason of its route',
      { ends: 'LR--', status: 503, endpoint: '<NOSRV>', reason: 'service-missing' },
      'service-missing',
    ],
    ['no route', { ends: 'LR--', status: 404, endpoint: '<NOSRV>', reason: 'no-route', route: '' }, 'no-route'],
    ['no endpoint', { ends: 'SC--', status: 503, endpoint: '<NOSRV>' }, 'no-endpoints'],
    ['refused connection', { ends: 'SC--', status: 503 }, 'connect-failed'],
    ['connection that takes too long', { ends: 'sC--', status: 503 }, 'connect-timeout'],
    ['slow answer', { ends: 'sH--', status: 504 }, 'response-timeout'],
    ['endpoint that dies', { ends: 'SH--', status: 502 }, 'endpoint-abort'],
    ['client that leaves', { ends: 'CD--' }, 'client-abort'],
    ['slow client', { ends: 'cR--', status: 408, endpoint: '<NOSRV>' }, 'request-timeout'],
    ['malformed request', { ends: 'PR--', status: 400, endpoint: '<NOSRV>', route: '' }, 'bad-request'],
    ['request line without end', { ends: 'PR--', status: 414, endpoint: '<NOSRV>', route: '' }, 'uri-too-long'],
    ['headers without end', { ends: 'PR--', status: 431, endpoint: '<NOSRV>', route: '' }, 'headers-too-large'],
    ['malformed answer', { ends: 'PH--', status: 502 }, 'bad-response'],
    ['answer that breaks off badly', { ends: 'PD--' }, 'bad-response'],
    ['malformed body of a request', { ends: 'PH--', status: 400 }, 'bad-request'],
    ['no room for headers', { ends: 'PR--', status: 500, endpoint: '<NOSRV>' }, 'internal-error'],
    ['client that does not read', { ends: 'cD--' }, 'client-timeout'],
    ['upload that stops', { ends: 'cH--', status: 408 }, 'request-timeout'],
    ['busy endpoints', { ends: 'sQ--', status: 503, endpoint: '<NOSRV>' }, 'queue-timeout'],
    ['no memory', { ends: 'RC--', status: 500 }, 'out-of-resources'],
    ['redirect', { ends: 'LR--', status: 308, endpoint: '<NOSRV>' }, ''],
  ] as const)('gives the reason: %s', async (_, parts, reason) => {
    const { lines } = await relay([haproxyLine(), haproxyLine(parts), haproxyLine()]);
    expect(lines).toHaveLength(3);
    const endpoint = 'endpoint' in parts ? '' : '10.0.0.1:80';
    expect(parsed(lines[1])).toMatchObject({ time: '2026-11-24T20:42:10.191Z', endpoint, reason });
  });

  it.each([
    ['TLS that fails', 'SSL_HANDSHAKE', 'tls-handshake-failed', 'failed'],
    ['a missing PROXY protocol header', 'PRX_NOT_HDR', 'proxy-protocol-failed', 'failed'],
    ['a request that breaks off', 'ERESET', 'protocol-error', 'failed'],
    ['broken HTTP/2', '-', 'protocol-error', ''],
  ])('gives the reason of a connection without a request: %s', async (_, error, reason, detail) => {
    const lead = '{"time":"24/Nov/2026:20:42:10.191","log":"access","ends":"PR--","status":0,"totalMs":-1,"route":""';
    const { lines, dropped } = await relay([
      `${lead},"client":"192.0.2.1","host":"shop.test","endpoint":"<NOSRV>","error":"${error}","detail":"failed -"}\n`,
    ]);
    const time = '2026-11-24T20:42:10.191Z';
    expect(parsed(lines[0])).toMatchObject({ time, client: '192.0.2.1', host: 'shop.test', reason, detail });
    expect(dropped).toBe(0);
  });

  it('leaves out what HAProxy writes in place of a request that it could not read', async () => {
    const line = haproxyLine({ ends: 'PR--', status: 400, endpoint: '<NOSRV>', path: '<BADREQ>' });
    const { lines } = await relay([line]);
    expect(parsed(lines[0])).toMatchObject({ path: '', endpoint: '', reason: 'bad-request' });
  });

  it('counts what had no answer as status 0', async () => {
    const { lines, requests } = await relay([haproxyLine({ ends: 'CR--', status: -1 })]);
    expect(requests).toMatchObject([{ status: 0 }]);
    expect(parsed(lines[0])).toMatchObject({ status: 0, reason: 'client-abort' });
  });

  it('makes a path with backslashes valid JSON', async () => {
    const { lines } = await relay([
      haproxyLine({ path: String.raw`/a\b\"` }).replace(String.raw`\"`, '\\'),
      haproxyLine(),
    ]);
    expect(lines.map(parsed)).toMatchObject([{ path: '/a\\b\\' }, { path: '/cart' }]);
  });

  it('joins lines that come in pieces of any size', async () => {
    const bytes = Buffer.from(haproxyLine({ totalMs: 1 }) + haproxyLine({ status: 503, ends: 'SC--' }) + haproxyLine());
    for (const size of [1, 7, 200, 300]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
        Buffer.from(bytes.subarray(n * size, (n + 1) * size)),
      );
      const { lines, requests, dropped } = await relay(chunks);
      expect(lines.map(parsed)).toMatchObject([{ totalMs: 1 }, { status: 503 }, { status: 200 }]);
      expect([requests.length, dropped]).toEqual([3, 0]);
    }
  });

  it('takes lines that come one by one many at a time', async () => {
    const count = 200;
    const { lines, writes } = await relay(Array.from({ length: count }, (_, n) => haproxyLine({ totalMs: n })));
    expect(lines.map(parsed)).toMatchObject(Array.from({ length: count }, (_, n) => ({ totalMs: n })));
    expect(writes).toBeLessThan(count / 2);
  });

  it('takes more than it reads at once', async () => {
    const { lines } = await relay([haproxyLine().repeat(5000)]);
    expect(lines).toHaveLength(5000);
  });

  it('rests the less, the more there is: a socket holds few lines', async () => {
    const count = 4000;
    const name = `sluice-test-${String(process.pid)}-busy`;
    let taken = 0;
    const onRequest = (): void => {
      taken += 1;
    };
    const server = new AccessLogServer({ name, format: 'json', output: undefined, onRequest, onUnreadable: () => {} });
    await server.listen();
    const socket = connect(`\0${name}`);
    await once(socket, 'connect');
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    let restedMs = 0;
    try {
      // Each by itself, as HAProxy sends them: what waits in a stream of Node goes out in one piece.
      const sent = (async () => {
        for (let n = 0; n < count; n += 1) await new Promise((resolve) => socket.write(haproxyLine(), resolve));
      })();
      for (; taken < count; await new Promise((resolve) => setImmediate(resolve))) {
        if (vi.getTimerCount() === 0) continue;
        vi.advanceTimersByTime(1);
        restedMs += 1;
      }
      await sent;
    } finally {
      vi.useRealTimers();
    }
    socket.destroy();
    await server.close();
    // 5 ms after every socketful would be more than 100.

    expect(restedMs).toBeLessThan(50);
  });

  it('counts lines that were cut and passes on the others', async () => {
    const cut = `${haproxyLine().slice(0, 120)}\n`;
    const { lines, requests, dropped } = await relay([haproxyLine(), cut, 'nonsense\n', haproxyLine()]);
    expect([lines.length, requests.length, dropped]).toEqual([2, 2, 2]);
  });

  it('writes text that a client can forge no line in', async () => {
    const line = haproxyLine().replace('shop.test', String.raw`shop.test\nforged\u001b[2J`);
    const { lines } = await relay([line], 'text');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(String.raw`shop.test\x0aforged\x1b[2J/cart shop/web 10.0.0.1:80 12ms`);
  });
});
