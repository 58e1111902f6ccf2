import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, Lab } from './lab.ts';
import { ingress, service } from './manifest.ts';
import { EchoBackend, headersOf, rawRequest } from './raw-http.ts';

const HOST = 'Host: p.test\r\n';

/** For every host. */
const ANY_HOST = `---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: any }
spec: { rules: [{ http: { paths: [{ path: /any, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] } }] }
`;

function externalName(name: string, host: string, port: number): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { type: ExternalName, externalName: ${host}, ports: [{ port: 80, targetPort: ${String(port)} }] }
---
`;
}

interface Line {
  readonly status: number;
  readonly reason: string;
  readonly client: string;
  readonly path: string;
}

describe('what becomes of a request', () => {
  let backend: EchoBackend;
  let lab: Lab;

  beforeAll(async () => {
    backend = await EchoBackend.start();
    lab = await Lab.forFolder();
    const gone = await freePort();
    await lab.write(
      'web.yaml',
      service('web', [backend.port]) +
        service('gone', [gone]) +
        service('none', []) +
        ingress('web', 'p.test', { '/': 'web', '/gone': 'gone', '/none': 'none' }) +
        ANY_HOST,
    );
    await lab.start();
  });

  afterAll(async () => {
    await lab.stop();
    await backend.stop();
  });

  /** The answer, and the line of the log about it. */
  async function ask(
    bytes: string,
    port = lab.httpPort,
  ): Promise<{ readonly status: number; readonly body: string; readonly line: Line }> {
    const lines = (): readonly string[] => lab.output.split('\n').filter((text) => text.includes('"log":"access"'));
    const before = lines().length;
    const { status, body } = await rawRequest(port, bytes);
    await lab.until('the line', () => Promise.resolve(lines().length > before));
    return { status, body, line: JSON.parse(lines()[before] ?? '') as Line };
  }

  it.each([
    ['of HTTP/1.0 without Host', 'GET /any HTTP/1.0\r\n\r\n', 'GET /any HTTP/1.0'],
    ['of HTTP/1.0 with an empty Host', 'GET /any HTTP/1.0\r\nHost:\r\n\r\n', 'GET /any HTTP/1.0'],
    ['of HTTP/1.0 to a whole URL', 'GET http://p.test/any HTTP/1.0\r\n\r\n', 'GET http://p.test/any HTTP/1.0'],
    ['to a whole URL', `GET http://p.test/x HTTP/1.1\r\n${HOST}\r\n`, 'GET http://p.test/x HTTP/1.1'],
    ['of a method that nobody knows', `M-SEARCH / HTTP/1.1\r\n${HOST}\r\n`, 'M-SEARCH / HTTP/1.1'],
    ['about the server', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, 'OPTIONS * HTTP/1.1'],
    ['to a path of encoded and doubled slashes', `GET //a%2Fb//c HTTP/1.1\r\n${HOST}\r\n`, 'GET //a%2Fb//c HTTP/1.1'],
    ['to a path with dots', `GET /a/../b HTTP/1.1\r\n${HOST}\r\n`, 'GET /a/../b HTTP/1.1'],
    ['with the same Host twice', `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`, 'GET / HTTP/1.1'],
    ['that is folded', `GET / HTTP/1.1\r\n${HOST}X-A: x\r\n  y\r\n\r\n`, 'GET / HTTP/1.1'],
    [
      'that wants a 100 first',
      `POST / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 0\r\n\r\n`,
      'POST / HTTP/1.1',
    ],
    ['with a request line of 15 KiB', `GET /${'x'.repeat(15_000)} HTTP/1.1\r\n${HOST}\r\n`, 'GET /xxx'],
  ])('%s: it goes to the endpoint as it is', async (_, bytes, first) => {
    const { status, body, line } = await ask(bytes);
    expect([status, line.status, line.reason]).toEqual([200, 200, '']);
    expect(body.slice(0, first.length)).toBe(first);
  });

  it('without Host says nothing of one', async () => {
    const { body } = await ask('GET /any HTTP/1.0\r\n\r\n');
    expect(headersOf(body)).not.toHaveProperty('x-forwarded-host');
  });

  it.each([
    ['of HTTP/1.1 without Host', 'GET /any HTTP/1.1\r\n\r\n', 400, 'host-missing'],
    ['of HTTP/1.1 with an empty Host', 'GET /any HTTP/1.1\r\nHost:\r\n\r\n', 400, 'host-missing'],
    ['of HTTP/1.0 without Host, to no rule for any host', 'GET / HTTP/1.0\r\n\r\n', 404, 'no-route'],
    ['that would open a tunnel', 'CONNECT p.test:443 HTTP/1.1\r\nHost: p.test:443\r\n\r\n', 405, 'method-not-allowed'],
    ['that would have its headers sent back', `TRACE / HTTP/1.1\r\n${HOST}\r\n`, 405, 'method-not-allowed'],
    ['with two Hosts', `GET / HTTP/1.1\r\n${HOST}Host: other.test\r\n\r\n`, 400, 'bad-request'],
    ['to a URL of another host', `GET http://p.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n`, 400, 'bad-request'],
    ['with a list of Hosts', 'GET / HTTP/1.1\r\nHost: p.test,evil\r\n\r\n', 400, 'bad-request'],
    ['with a path in Host', 'GET / HTTP/1.1\r\nHost: p.test/any\r\n\r\n', 400, 'bad-request'],
    ['with a user in Host', 'GET / HTTP/1.1\r\nHost: u@p.test\r\n\r\n', 400, 'bad-request'],
    ['to no path', `GET any HTTP/1.1\r\n${HOST}\r\n`, 400, 'bad-request'],
    ['of a method that is none', `G(T / HTTP/1.1\r\n${HOST}\r\n`, 400, 'bad-request'],
    ['with bytes beyond ASCII in the path', `GET /\u00e9 HTTP/1.1\r\n${HOST}\r\n`, 400, 'bad-request'],
    ['of HTTP/0.9', 'GET /\r\n', 400, 'bad-request'],
    ['that is TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, 'bad-request'],
    ['with a header without name', `GET / HTTP/1.1\r\n${HOST}: x\r\n\r\n`, 400, 'bad-request'],
    ['with a blank before a colon', `GET / HTTP/1.1\r\n${HOST}X-A : x\r\n\r\n`, 400, 'bad-request'],
    ['with a NUL', `GET / HTTP/1.1\r\n${HOST}X-A: x\0y\r\n\r\n`, 400, 'bad-request'],
    ['with a bare CR', `GET / HTTP/1.1\r\n${HOST}X-A: x\ry\r\n\r\n`, 400, 'bad-request'],
    ['of a signed length', `POST / HTTP/1.1\r\n${HOST}Content-Length: +3\r\n\r\nabc`, 400, 'bad-request'],
    ['of an empty length', `POST / HTTP/1.1\r\n${HOST}Content-Length:\r\n\r\n`, 400, 'bad-request'],
    [
      'of a coding that is almost chunked',
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n`,
      400,
      'bad-request',
    ],
    [
      'that is chunked twice',
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, chunked\r\n\r\n`,
      400,
      'bad-request',
    ],
    [
      'that is compressed on the way',
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n`,
      422,
      'transfer-encoding-unsupported',
    ],
    ['with a request line of 40 KiB', `GET /${'x'.repeat(40_000)} HTTP/1.1\r\n${HOST}\r\n`, 414, 'uri-too-long'],
    ['with a header of 20 KiB', `GET / HTTP/1.1\r\n${HOST}x: ${'y'.repeat(20_000)}\r\n\r\n`, 431, 'headers-too-large'],
    ['with 120 headers', `GET / HTTP/1.1\r\n${HOST}${'x: y\r\n'.repeat(120)}\r\n`, 400, 'bad-request'],
    [
      'that has come by too often',
      `GET / HTTP/1.1\r\n${HOST}${'CDN-Loop: sluice\r\n'.repeat(10)}\r\n`,
      508,
      'loop-detected',
    ],
    ['to an endpoint that breaks the rules', `GET /broken HTTP/1.1\r\n${HOST}\r\n`, 502, 'bad-response'],
    ['to an endpoint of too long headers', `GET /long HTTP/1.1\r\n${HOST}\r\n`, 502, 'bad-response'],
    ['to an endpoint that goes away', `GET /silent-end HTTP/1.1\r\n${HOST}\r\n`, 502, 'endpoint-abort'],
    ['to an endpoint that is not there', `GET /gone HTTP/1.1\r\n${HOST}\r\n`, 503, 'connect-failed'],
    ['to a Service without endpoints', `GET /none HTTP/1.1\r\n${HOST}\r\n`, 503, 'no-endpoints'],
  ])('%s: it is refused, and the log says why, and to whom', async (_, bytes, expected, reason) => {
    const { status, line } = await ask(bytes);
    expect([status, line]).toEqual([
      expected,
      expect.objectContaining({ status: expected, reason, client: '127.0.0.1' }),
    ]);
    expect(line.path).not.toContain('BADREQ');
  });

  it('whose lines end with a bare LF reaches the endpoint with CR and LF', async () => {
    const { status, body } = await ask('GET / HTTP/1.1\nHost: p.test\nx-a: b\n\n');
    expect(status).toBe(200);
    expect(headersOf(body)).toMatchObject({ host: 'p.test', 'x-a': 'b' });
    expect(body).not.toMatch(/[^\r]\n/);
  });

  it('of two lengths is answered by the end of the connection', async () => {
    const { status, line } = await ask(`POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\nContent-Length: 4\r\n\r\n`);
    expect([status, line]).toEqual([0, expect.objectContaining({ status: 400, reason: 'bad-request' })]);
  });

  it('of an answer that breaks off has its line', async () => {
    const { line } = await ask(`GET /cut HTTP/1.1\r\n${HOST}\r\n`);
    expect(line).toMatchObject({ status: 200, reason: 'endpoint-abort' });
  });

  it('of a client that goes away has its line', async () => {
    const { line } = await ask('GET / HT\r\n\r\n');
    expect(line).toMatchObject({ status: 400, reason: 'bad-request' });
  });

  it('that is no TLS where TLS is spoken has its line, and none is lost', async () => {
    const { status, line } = await ask(`GET / HTTP/1.1\r\n${HOST}\r\n`, lab.httpsPort);
    expect(status).toBe(0);
    expect(line).toMatchObject({
      status: 0,
      reason: 'tls-handshake-failed',
      detail: expect.stringContaining('http request'),
    });
    expect(await lab.metric('sluice_access_log_dropped_total')).toBe(0);
  });

  it('that goes round is answered, and costs others nothing', async () => {
    await lab.write(
      'loop.yaml',
      externalName('loop', '127.0.0.1', lab.httpPort) + ingress('loop', 'loop.test', { '/': 'loop' }),
    );
    await lab.until('the loop', async () => (await lab.get('http://loop.test/')).status !== 404);
    const answers = await Promise.all(Array.from({ length: 50 }, () => lab.get('http://loop.test/')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([508]));
    expect((await lab.get('http://p.test/')).status).toBe(200);
    expect(lab.output).toContain('"loop-detected"');
  });

  it('that goes round by way of another proxy is answered', async () => {
    const proxy = await startProxy(lab.httpPort);
    const { port } = proxy.address() as { readonly port: number };
    await lab.write('round.yaml', service('round', [port]) + ingress('round', 'round.test', { '/': 'round' }));
    await lab.until('the loop', async () => (await lab.get('http://round.test/')).status !== 404);
    expect((await lab.get('http://round.test/')).status).toBe(508);
    proxy.closeAllConnections();
    proxy.close();
  });
});

/** A proxy that sends every request back, with the headers that it came with. */
async function startProxy(target: number): Promise<Server> {
  const proxy = createServer((incoming, outgoing) => {
    const onward = request({ host: '127.0.0.1', port: target, path: incoming.url, headers: incoming.headers });
    onward.on('response', (response) => {
      outgoing.writeHead(response.statusCode ?? 500);
      response.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    onward.end();
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return proxy;
}
