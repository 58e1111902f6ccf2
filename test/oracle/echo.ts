import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createSecureServer,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { crash } from '../../src/lib/crash.ts';
import type { BackendView } from './case.ts';
import { ECHO_ADDRESS, headersOf, normalise, type Ports } from './normal-form.ts';

type Incoming = IncomingMessage | Http2ServerRequest;

/** What is passed on between backends and a gateway on the way: no part of what was asked. */
const LEFT_OUT = ['host', 'transfer-encoding', 'trailer', ':method', ':path', ':authority', ':scheme'];

interface Tls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/**
 * Pods that answer with who they are and what they were asked, as those did with which the cases were recorded: each is a port of one
 * address. What reaches them is kept in {@link EchoBackends.log}.
 */
export class EchoBackends {
  readonly log: BackendView[] = [];
  readonly #ports: Ports;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #udp = createSocket('udp4');

  private constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** @param ports are those of the controller under test, which are replaced by names in what is kept */
  static async start(tls: Tls, ports: Ports): Promise<EchoBackends> {
    const backends = new EchoBackends(ports);
    for (let number = 1; number <= 12; number += 1) await backends.#http(9000 + number, `p${String(number)}`);
    for (const status of [503, 500, 404]) await backends.#http(STATUS_PORTS[status] ?? 0, `p${String(status)}`, status);
    for (const [port, name] of NAMED) await backends.#http(port, name);
    await backends.#tcp(9443, backends.#secure('tls', tls));
    // What Services are dialled at by a gateway that leaves the choice of the endpoint to the kernel.
    await backends.#tcp(80, backends.#plain('p1', 200), '0.0.0.0');
    await backends.#tcp(443, backends.#secure('tls', tls), '0.0.0.0');
    await backends.#tcp(9052, (socket) => backends.#firstLine(socket, 'reset', () => socket.resetAndDestroy()));
    await backends.#tcp(9053, (socket) => backends.#firstLine(socket, 'hang', () => undefined));
    const garbage = '\u0001\u0002 this is not http\r\n\r\n';
    await backends.#tcp(9054, (socket) => backends.#firstLine(socket, 'garbage', () => socket.end(garbage)));
    await backends.#tcp(9200, (socket) => backends.#lines(socket, 'tcp1', 'tcp'));
    await backends.#tcp(9202, (socket) => backends.#lines(socket, 'tcp2', undefined));
    await backends.#datagrams();
    return backends;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#udp.close();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  async #http(port: number, name: string, status = 200): Promise<void> {
    await this.#tcp(port, this.#plain(name, status));
  }

  async #tcp(port: number, serve: (socket: Socket) => void, address = ECHO_ADDRESS): Promise<void> {
    const server = createTcpServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.#sockets.delete(socket));
      serve(socket);
    });
    this.#servers.push(server);
    server.listen(port, address);
    await once(server, 'listening');
  }

  /** HTTP/1.1, and HTTP/2 without TLS for who begins with its preface. */
  #plain(name: string, status: number): (socket: Socket) => void {
    const answer = (request: Incoming, response: ServerResponse | Http2ServerResponse): void => {
      this.#answer(name, status, request, response).catch(crash);
    };
    const http1 = createServer({ ...LENIENT, shouldUpgradeCallback: isWebSocket }, answer);
    http1.on('upgrade', (request: IncomingMessage, socket: Socket) => this.#webSocket(name, request, socket));
    const http2 = createHttp2Server(answer);
    return (socket) =>
      begin(socket, (first) =>
        (first.toString('latin1').startsWith('PRI *') ? http2 : http1).emit('connection', socket),
      );
  }

  #secure(name: string, { cert, key, ca }: Tls): (socket: Socket) => void {
    const options = { cert, key, ca, requestCert: true, rejectUnauthorized: false, allowHTTP1: true, ...LENIENT };
    const server = createSecureServer(options, (request, response) => {
      this.#answer(name, 200, request, response).catch(crash);
    });
    server.on('sessionError', () => undefined);
    return (socket) =>
      begin(socket, (first) => {
        if (first[0] === 0x16) server.emit('connection', socket);
        else socket.end('HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n');
      });
  }

  #viewOf(name: string, request: Incoming): BackendView {
    const authority = 'authority' in request ? request.authority : '';
    return {
      pod: name,
      method: request.method ?? '',
      path: normalise(request.url ?? '', this.#ports),
      host: normalise(authority === '' ? (request.headers.host ?? '') : authority, this.#ports),
      headers: headersOf(request.rawHeaders, this.#ports, LEFT_OUT),
      len: 0,
      ...peerOf(request),
    };
  }

  async #answer(
    name: string,
    fixedStatus: number,
    request: Incoming,
    response: ServerResponse | Http2ServerResponse,
  ): Promise<void> {
    const query = new URLSearchParams((request.url ?? '').replace(/^[^?]*/, ''));
    const seen = this.#viewOf(name, request);
    const view = query.has('early') ? seen : { ...seen, ...(await bodyOf(request)) };
    this.log.push(view);
    response.setHeader('x-pod', name);
    if (String(request.headers['content-type']).startsWith('application/grpc')) {
      answerGrpc(request, response as Http2ServerResponse);
      return;
    }
    const status = Number(query.get('status') ?? statusOf(name, fixedStatus, request));
    if (query.has('delay')) await new Promise((resolve) => setTimeout(resolve, Number(query.get('delay'))));
    if (name === 'auth') response.setHeader('x-auth-user', 'alice');
    const cookies = query.getAll('setcookie');
    if (cookies.length > 0) response.setHeader('set-cookie', cookies);
    for (const header of query.getAll('h')) addHeader(response, header);
    if (query.has('abort')) request.socket.destroy();
    else await writeAnswer(request, response, status, query, view);
  }

  #webSocket(name: string, request: IncomingMessage, socket: Socket): void {
    this.log.push(this.#viewOf(name, request));
    const accept = createHash('sha1')
      .update(`${String(request.headers['sec-websocket-key'])}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    const lines = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`, `X-Pod: ${name}`];
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
    socket.on('data', (frame: Buffer) => {
      const length = (frame[1] ?? 0) & 0x7f;
      const mask = frame.subarray(2, 6);
      const payload = frame.subarray(6, 6 + length).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
      socket.write(Buffer.concat([Buffer.from([frame[0] ?? 0, length]), payload]));
    });
  }

  #firstLine(socket: Socket, name: string, then: () => void): void {
    socket.once('data', (chunk: Buffer) => {
      this.log.push({ pod: name, raw: normalise(chunk.toString('latin1').split('\r\n', 1)[0] ?? '', this.#ports) });
      then();
    });
  }

  #lines(socket: Socket, prefix: string, logged: string | undefined): void {
    socket.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString('latin1').split('\n').slice(0, -1)) {
        if (logged !== undefined) this.log.push({ pod: logged, raw: normalise(line.trim(), this.#ports) });
        socket.write(`${prefix} ${line}\n`);
      }
    });
  }

  async #datagrams(): Promise<void> {
    this.#udp.on('message', (message, { port, address }) =>
      this.#udp.send(`udp1 ${message.toString()}`, port, address),
    );
    this.#udp.bind(9201, ECHO_ADDRESS);
    await once(this.#udp, 'listening');
  }
}

const STATUS_PORTS: Readonly<Record<number, number>> = { 503: 9050, 500: 9055, 404: 9056 };
const NAMED = [
  [9060, 'err'],
  [9061, 'err2'],
  [9100, 'auth'],
  [9101, 'mirror'],
] as const;

/** Backends take what a gateway sends them, as long as it can be read at all. */
const LENIENT = { insecureHTTPParser: true, maxHeaderSize: 1 << 20, requestTimeout: 0, keepAliveTimeout: 600_000 };

/** Looks at the first bytes of a connection before somebody else reads it. */
function begin(socket: Socket, serve: (first: Buffer) => void): void {
  socket.once('data', (first: Buffer) => {
    socket.pause();
    socket.unshift(first);
    serve(first);
    process.nextTick(() => socket.resume());
  });
}

function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket' && headers['sec-websocket-key'] !== undefined;
}

function peerOf({ socket }: Incoming): { readonly peerCN?: string } {
  if (!('getPeerCertificate' in socket)) return {};
  const { subject } = socket.getPeerCertificate();
  // Node gives an empty object where the client has shown none.
  const name = (subject as { CN?: string } | undefined)?.CN;
  return name === undefined ? {} : { peerCN: name };
}

async function bodyOf(request: Incoming): Promise<{ readonly len: number; readonly err?: string }> {
  let len = 0;
  try {
    for await (const chunk of request) len += (chunk as Buffer).length;
    return { len };
  } catch {
    return { len, err: 'unexpected EOF' };
  }
}

/** `err` answers what the gateway says went wrong, `auth` what the client asks for. */
function statusOf(name: string, fixedStatus: number, { headers }: Incoming): number {
  if (name === 'err') {
    const code = String(headers['x-code']);
    return /^\d+$/.test(code) ? Number(code) : 404;
  }
  const wanted = headers['x-auth-want'];
  return name === 'auth' && wanted !== undefined && wanted !== '' ? Number(wanted) : fixedStatus;
}

function addHeader(response: ServerResponse | Http2ServerResponse, text: string): void {
  const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/s.exec(text) ?? [];
  if (name === '') return;
  const known = response.getHeader(name);
  response.setHeader(name, known === undefined ? value : [known, value].flat().map(String));
}

async function writeAnswer(
  request: Incoming,
  response: ServerResponse | Http2ServerResponse,
  status: number,
  query: URLSearchParams,
  view: BackendView,
): Promise<void> {
  if (!response.hasHeader('content-type')) response.setHeader('content-type', 'application/json');
  const body = query.has('size') ? 'a'.repeat(Number(query.get('size'))) : JSON.stringify(view);
  const isBodiless = status === 204 || status === 304 || status < 200;
  if (!query.has('chunked') && !isBodiless && !response.hasHeader('content-length'))
    response.setHeader('content-length', Buffer.byteLength(body));
  response.statusCode = status;
  if (request.method === 'HEAD' || isBodiless) {
    response.end();
    return;
  }
  const half = body.length >> 1;
  if (query.has('slowbody') || query.has('chunked')) {
    (response as ServerResponse).write(body.slice(0, half));
    await new Promise((resolve) => setTimeout(resolve, Number(query.get('slowbody') ?? 5)));
    response.end(body.slice(half));
  } else response.end(body);
}

function answerGrpc({ headers }: Incoming, response: Http2ServerResponse): void {
  response.setHeader('content-type', 'application/grpc');
  response.setHeader('trailer', 'Grpc-Status, Grpc-Message');
  const status = headers['x-grpc-status'];
  response.addTrailers({
    'grpc-status': typeof status === 'string' && status !== '' ? status : '0',
    'grpc-message': 'echo',
  });
  response.end(Buffer.from([0, 0, 0, 0, 2, 0x7b, 0x7d]));
}
