import { once } from 'node:events';
import {
  connect,
  constants,
  createServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from './certificate.ts';
import { freePort, Lab } from './lab.ts';
import { ingress, service, tlsSecret } from './manifest.ts';

/** A message of gRPC over HTTP/2: not compressed, length, bytes. */
function framed(text: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** Takes messages out of a byte stream, wherever it was cut. */
class Messages {
  #rest = Buffer.alloc(0);

  add(chunk: Buffer): readonly string[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const found: string[] = [];
    while (this.#rest.length >= 5 && this.#rest.length >= 5 + this.#rest.readUInt32BE(1)) {
      const end = 5 + this.#rest.readUInt32BE(1);
      found.push(this.#rest.subarray(5, end).toString());
      this.#rest = this.#rest.subarray(end);
    }
    return found;
  }
}

/**
 * `/echo.Echo/Fail` answers with trailers alone; everything else sends each message back, and how many there were in a trailer. It ends
 * its answer when the request ends, but `/echo.Echo/Stay` never does.
 */
class EchoService {
  readonly port: number;
  cancelled = 0;
  readonly #server: Http2Server;

  private constructor(port: number, server: Http2Server) {
    this.port = port;
    this.#server = server;
    server.on('stream', (stream, headers) => this.#serve(stream, headers));
  }

  static async start(): Promise<EchoService> {
    const port = await freePort();
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new EchoService(port, server);
  }

  stop(): void {
    this.#server.close();
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const head = { ':status': 200, 'content-type': 'application/grpc' };
    if (headers[':path'] === '/echo.Echo/Fail') {
      stream.respond({ ...head, 'grpc-status': '5', 'grpc-message': 'not here' }, { endStream: true });
      return;
    }
    const messages = new Messages();
    let count = 0;
    stream.respond(head, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-count': String(count) }));
    stream.on('data', (chunk: Buffer) => {
      for (const message of messages.add(chunk)) {
        count += 1;
        stream.write(framed(message));
      }
    });
    if (headers[':path'] !== '/echo.Echo/Stay') stream.on('end', () => stream.end());
    stream.on('error', () => {});
    stream.on('close', () => (this.cancelled += stream.rstCode === constants.NGHTTP2_CANCEL ? 1 : 0));
  }
}

/** One call, as a gRPC library makes it. */
class Call {
  readonly #stream: ClientHttp2Stream;
  readonly #messages = new Messages();
  readonly received: string[] = [];
  readonly head: Promise<unknown[]>;
  readonly #trailers: Promise<unknown[]>;
  readonly #ended: Promise<unknown[]>;

  constructor(session: ClientHttp2Session, host: string, method: string) {
    this.#stream = session.request({
      ':method': 'POST',
      ':path': `/echo.Echo/${method}`,
      ':authority': host,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    this.#stream.on('data', (chunk: Buffer) => this.received.push(...this.#messages.add(chunk)));
    this.head = once(this.#stream, 'response');
    this.#trailers = once(this.#stream, 'trailers');
    this.#ended = once(this.#stream, 'end');
    // Awaited only where they are wanted; a call that is cancelled has neither.
    this.#trailers.catch(() => {});
    this.#ended.catch(() => {});
  }

  send(text: string): void {
    this.#stream.write(framed(text));
  }

  /** Ends the request; returns the trailers of the answer. */
  async finish(): Promise<IncomingHttpHeaders> {
    this.#stream.end();
    const [[trailers]] = (await Promise.all([this.#trailers, this.#ended])) as [[IncomingHttpHeaders], unknown];
    return trailers;
  }

  cancel(): void {
    this.#stream.on('error', () => {});
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  end(): void {
    this.#stream.end();
  }
}

describe('gRPC', () => {
  let echo: EchoService;
  let lab: Lab;
  const sessions: ClientHttp2Session[] = [];

  beforeAll(async () => {
    echo = await EchoService.start();
    const services = Object.entries({ h2c: 'kubernetes.io/h2c', grpc: 'grpc' }).map(
      ([name, protocol]) =>
        service(name, [echo.port], `, appProtocol: ${protocol}`) +
        ingress(name, `${name}.test`, { '/': name }) +
        tlsSecret(`${name}-tls`, makeCertificate(name, [`${name}-tls.test`])) +
        ingress(`${name}-tls`, `${name}-tls.test`, { '/': name }, `${name}-tls`),
    );
    lab = await Lab.create({ 'grpc.yaml': services.join('') });
  });

  afterAll(async () => {
    for (const session of sessions) session.destroy();
    await lab.stop();
    echo.stop();
  });

  function connectTo(host: string): ClientHttp2Session {
    const session = host.includes('-tls')
      ? connect(`https://127.0.0.1:${String(lab.httpsPort)}`, { servername: host, rejectUnauthorized: false })
      : connect(`http://127.0.0.1:${String(lab.httpPort)}`);
    sessions.push(session);
    return session;
  }

  const paths = [
    ['appProtocol kubernetes.io/h2c, TLS in front', 'h2c-tls.test'],
    ['appProtocol kubernetes.io/h2c, HTTP/2 with prior knowledge in front', 'h2c.test'],
    ['appProtocol grpc, TLS in front', 'grpc-tls.test'],
    ['appProtocol grpc, HTTP/2 with prior knowledge in front', 'grpc.test'],
  ] as const;

  it.each(paths)('%s: a call has its message and its status', async (_, host) => {
    const call = new Call(connectTo(host), host, 'Unary');
    call.send('hello');
    expect(await call.finish()).toMatchObject({ 'grpc-status': '0', 'x-count': '1' });
    expect(call.received).toEqual(['hello']);
  });

  it.each(paths)('%s: messages go both ways while the call lasts', async (_, host) => {
    const call = new Call(connectTo(host), host, 'Chat');
    for (let n = 1; n <= 5; n += 1) {
      call.send(`message ${String(n)}`);
      await lab.until('its echo', () => Promise.resolve(call.received.length === n));
    }
    call.send('x'.repeat(200_000));
    expect(await call.finish()).toMatchObject({ 'grpc-status': '0', 'x-count': '6' });
    expect(call.received.at(-1)).toHaveLength(200_000);
  });

  it.each(paths)('%s: an error without a message keeps its status', async (_, host) => {
    const call = new Call(connectTo(host), host, 'Fail');
    const [head] = (await call.head) as [IncomingHttpHeaders];
    expect(head).toMatchObject({ ':status': 200, 'grpc-status': '5', 'grpc-message': 'not here' });
    call.end();
  });

  it('carries many calls over one connection at once', async () => {
    const session = connectTo('grpc-tls.test');
    const calls = Array.from({ length: 50 }, () => new Call(session, 'grpc-tls.test', 'Chat'));
    calls.forEach((call, index) => call.send(String(index)));
    await lab.until('all of them', () => Promise.resolve(calls.every((call) => call.received.length === 1)));
    const trailers = await Promise.all(calls.map((call) => call.finish()));
    expect(trailers.every((item) => item['grpc-status'] === '0')).toBe(true);
    expect(calls.map((call) => call.received)).toEqual(calls.map((__, index) => [String(index)]));
  });

  // HAProxy ends the request first, and cancels the stream some milliseconds later: a service that answers the end of the request with
  // the end of its answer is done by then, and never learns that it was cancelled.
  it.each(paths)('%s: the server learns that a call was cancelled', async (_, host) => {
    const before = echo.cancelled;
    const call = new Call(connectTo(host), host, 'Stay');
    call.send('hello');
    await lab.until('the echo', () => Promise.resolve(call.received.length === 1));
    call.cancel();
    await lab.until('the cancellation', () => Promise.resolve(echo.cancelled > before));
  });

  it('goes on with a call whose endpoint and route have gone', async () => {
    const text = service('leaving', [echo.port], ', appProtocol: grpc');
    await lab.write('leaving.yaml', text + ingress('leaving', 'leaving.test', { '/': 'leaving' }));
    await lab.until('the host', async () => (await lab.get('http://leaving.test/')).status === 200);
    const call = new Call(connectTo('leaving.test'), 'leaving.test', 'Chat');
    call.send('before');
    await lab.until('its echo', () => Promise.resolve(call.received.length === 1));
    await lab.write('leaving.yaml', '');
    await lab.until('the host to go', async () => (await lab.get('http://leaving.test/')).status === 404);
    call.send('after');
    await lab.until('the second echo', () => Promise.resolve(call.received.length === 2));
    expect(await call.finish()).toMatchObject({ 'grpc-status': '0', 'x-count': '2' });
    expect(await lab.reloads()).toBe(0);
  });
});
