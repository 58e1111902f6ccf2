/** What HTTP/2 can carry and HTTP/1 cannot: an endpoint that speaks HTTP/1 must not find a second request, or another header, in it. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FLAG, FRAME, frame, getFields, literal, RawHttp2 } from './http2-frames.ts';
import { freePort, Lab } from './lab.ts';
import { ingress, service } from './manifest.ts';

const END = FLAG.endHeaders | FLAG.endStream;

/** `:scheme: http` of the static table. */
const SCHEME = Buffer.from([0x86]);

/** A request with these fields in place of those of a plain GET. */
function request(method: string, authority: string, path: string, ...more: readonly Buffer[]): Buffer {
  return Buffer.concat([
    literal(':method', method),
    SCHEME,
    literal(':authority', authority),
    literal(':path', path),
    ...more,
  ]);
}

function get(...more: readonly Buffer[]): Buffer {
  return getFields('p.test', '/', ...more);
}

describe('a request over HTTP/2', () => {
  let lab: Lab;
  let server: Server;
  /** What came to the endpoint, as it came. */
  let received = '';
  let client: RawHttp2 | undefined;

  beforeAll(async () => {
    const port = await freePort();
    server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        received += bytes.toString('latin1');
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok');
      });
    }).listen(port, '127.0.0.1');
    await once(server, 'listening');
    lab = await Lab.create({ 'web.yaml': service('web', [port]) + ingress('web', 'p.test', { '/': 'web' }) });
  });
  afterEach(() => {
    client?.end();
    received = '';
  });
  afterAll(async () => {
    await lab.stop();
    server.close();
  });

  /** The requests that the endpoint saw of these frames; another one after them, on a connection of its own, has been answered by then. */
  async function seenOf(...frames: readonly Buffer[]): Promise<readonly string[]> {
    const lines = (): number => lab.output.split('"log":"access"').length;
    const before = lines();
    client = new RawHttp2(lab.httpPort);
    await client.send(...frames);
    await lab.until('the line about it', () => Promise.resolve(lines() > before));
    expect((await lab.get('http://p.test/after')).status).toBe(200);
    return received.split(/(?=^(?:GET|POST|HEAD) )/m).filter((text) => !text.startsWith('GET /after '));
  }

  it('reaches the endpoint as one request with one Host', async () => {
    const seen = await seenOf(frame(FRAME.headers, END, 1, get(literal('x-a', 'b'))));
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatch(/^GET \/ HTTP\/1\.1\r\nhost: p\.test\r\n/);
    expect(seen[0]).toContain('\r\nx-a: b\r\n');
  });

  it.each<[what: string, fields: Buffer]>([
    ['CR and LF in a value', get(literal('x-a', 'b\r\nx-injected: 1'))],
    ['LF in a value', get(literal('x-a', 'b\nx-injected: 1'))],
    ['CR in a value', get(literal('x-a', 'b\rx-injected: 1'))],
    ['NUL in a value', get(literal('x-a', 'b\0c'))],
    ['CR and LF in a name', get(literal('x-a: b\r\nx-injected', '1'))],
    ['a colon in a name', get(literal('x-injected: 1', '2'))],
    ['a blank in a name', get(literal('x-a b', 'x-injected'))],
    ['an upper-case name', get(literal('X-Injected', '1'))],
    ['a second request in its path', request('GET', 'p.test', '/ HTTP/1.1\r\nx-injected: 1\r\n\r\nGET /two')],
    ['a blank in its path', request('GET', 'p.test', '/ x-injected')],
    ['a second request as its method', request('GET / HTTP/1.1\r\nx-injected: 1\r\n\r\nGET', 'p.test', '/')],
    ['CR and LF in its authority', request('GET', 'p.test\r\nx-injected: 1', '/')],
    ['a whole URL of another host as its path', request('GET', 'p.test', 'http://x-injected.test/')],
    ['Transfer-Encoding', get(literal('transfer-encoding', 'chunked'), literal('x-injected', '1'))],
    ['Connection', get(literal('connection', 'x-a'), literal('x-injected', '1'))],
    ['two lengths', get(literal('content-length', '5'), literal('content-length', '6'), literal('x-injected', '1'))],
    ['a length, and no body', get(literal('content-length', '5'), literal('x-injected', '1'))],
  ])('with %s never reaches it', async (_, fields) => {
    expect(await seenOf(frame(FRAME.headers, END, 1, fields))).toEqual([]);
  });

  it('has the Host of its authority, whatever else it says', async () => {
    const seen = await seenOf(frame(FRAME.headers, END, 1, get(literal('host', 'other.test'))));
    for (const text of seen) expect(text.match(/^host: .*$/gim)).toEqual(['host: p.test']);
  });

  it('ends where its length says', async () => {
    const fields = request('POST', 'p.test', '/', literal('content-length', '3'));
    const body = Buffer.from('abcGET /two HTTP/1.1\r\nhost: p.test\r\n\r\n');
    const seen = await seenOf(
      frame(FRAME.headers, FLAG.endHeaders, 1, fields),
      frame(FRAME.data, FLAG.endStream, 1, body),
    );
    expect(seen.filter((text) => text.includes('/two'))).toEqual([]);
  });
});
