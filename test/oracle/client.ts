import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type SecureVersion, type TLSSocket } from 'node:tls';
import { headerPairs, type Observation, type Request } from './case.ts';
import type { Certificates } from './certificates.ts';
import { headersOf, type Ports } from './normal-form.ts';
import { AnswerReader, type ReadAnswer } from './answer-reader.ts';

/** The cookies of one client. */
export type Jar = Map<string, string>;

const LEFT_OUT = ['date', 'connection', 'keep-alive'];

/** Sends the requests of cases to a controller on 127.0.0.1. */
export class Client {
  readonly #ports: Ports;
  readonly #certificates: Certificates;

  constructor(ports: Ports, certificates: Certificates) {
    this.#ports = ports;
    this.#certificates = certificates;
  }

  /** Never throws: what went wrong is the status. @param during is awaited while a WebSocket is open */
  async send(request: Request, jar: Jar | undefined, during?: () => Promise<void>): Promise<Observation> {
    const limitMs = (request.timeout ?? (request.raw === undefined ? 12 : 3)) * 1000;
    try {
      if (request.tcp !== undefined) return await exchangeTcp(request.tcp, request.send ?? 'hi\n');
      if (request.udp !== undefined) return await exchangeUdp(request.udp, request.send ?? 'hi');
      if (request.curl !== undefined) return await this.#http2(request, limitMs);
      const socket = await this.#connect(request, limitMs);
      try {
        if (request.raw !== undefined) return await exchangeRaw(socket, request.raw, limitMs);
        if (request.ws !== undefined) return await this.#webSocket(socket, request, limitMs, during);
        return await this.#http1(socket, request, jar, limitMs);
      } finally {
        socket.destroy();
      }
    } catch (thrown) {
      return { status: failureOf(thrown) };
    }
  }

  async #connect(request: Request, limitMs: number): Promise<Socket> {
    const port = request.tls === true ? this.#ports.https : this.#ports.http;
    const plain = connectTcp({
      host: '127.0.0.1',
      port,
      ...(request.src === undefined ? {} : { localAddress: request.src }),
    });
    plain.on('error', () => undefined);
    await once(plain, 'connect');
    if (request.proxy !== undefined && request.proxy !== 'none') plain.write(proxyHeader(request.proxy));
    if (request.tls !== true) return plain;
    const tls = connectTls({ socket: plain, ...this.#tlsOptions(request) });
    tls.on('error', () => undefined);
    await within(limitMs, once(tls, 'secureConnect')).catch((thrown: unknown) => {
      plain.destroy();
      throw thrown instanceof TimeoutError ? thrown : new TlsError();
    });
    return tls;
  }

  #tlsOptions({ host = '', tls_max, ciphers, alpn, client_cert }: Request): ConnectionOptions {
    const read = (file: string): string => this.#certificates.read(file);
    return {
      rejectUnauthorized: false,
      ...(host === '' ? {} : { servername: host.split(':', 1)[0] }),
      ...(tls_max === undefined ? {} : { maxVersion: tls_max.replace('_', '.') as SecureVersion }),
      ...(ciphers === undefined ? {} : { ciphers }),
      ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
      ...(client_cert === undefined ? {} : { cert: read(`${client_cert}.crt`), key: read(`${client_cert}.key`) }),
    };
  }

  async #http1(socket: Socket, request: Request, jar: Jar | undefined, limitMs: number): Promise<Observation> {
    const shown = 'getPeerCertificate' in socket ? this.#shownBy(socket as TLSSocket, request) : {};
    const answer = within(limitMs, new AnswerReader(socket).read(request.method === 'HEAD'));
    socket.write(headOf(request, jar), 'latin1');
    writeBody(socket, request);
    try {
      const found = await answer;
      if (jar !== undefined) keepCookies(jar, found);
      return { ...shown, ...this.#observed(found) };
    } catch (thrown) {
      return { ...shown, status: failureOf(thrown) };
    }
  }

  #shownBy(socket: TLSSocket, request: Request): Observation {
    const { subject } = socket.getPeerCertificate();
    const protocol = socket.alpnProtocol === false ? null : socket.alpnProtocol;
    return {
      ...(request.show_cert === true ? { cert: `CN=${String(subject.CN)}` } : {}),
      ...(request.alpn === undefined ? {} : { alpn: protocol }),
    };
  }

  #observed({ status, rawHeaders, body }: ReadAnswer): Observation {
    return { status, headers: headersOf(rawHeaders, this.#ports, LEFT_OUT), len: body.length };
  }

  async #webSocket(
    socket: Socket,
    request: Request,
    limitMs: number,
    during: (() => Promise<void>) | undefined,
  ): Promise<Observation> {
    const reader = new AnswerReader(socket);
    const upgrade = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };
    const headers = { ...upgrade, 'Sec-WebSocket-Version': '13', ...Object.fromEntries(headerPairs(request)) };
    socket.write(headOf({ ...request, headers }, undefined), 'latin1');
    const { status, rawHeaders } = await within(limitMs, reader.readHead());
    const observed = { status, headers: headersOf(rawHeaders, this.#ports, ['date']) };
    if (status !== 101) return observed;
    const isEchoed = await isFrameEchoed(socket, reader, 'one');
    const idle = request.ws?.idle;
    const afterIdle = idle === undefined ? {} : { ws_after_idle: await stateAfter(reader, (idle + 0.2) * 1000) };
    if (during === undefined) return { ...observed, ws_echo: isEchoed, ...afterIdle };
    await during();
    return {
      ...observed,
      ws_echo: isEchoed,
      ...afterIdle,
      ws_after_change: await isFrameEchoed(socket, reader, 'two'),
    };
  }

  async #http2(request: Request, limitMs: number): Promise<Observation> {
    const scheme = request.tls === true ? 'https' : 'http';
    const port = request.tls === true ? this.#ports.https : this.#ports.http;
    const session = connectHttp2(`${scheme}://127.0.0.1:${String(port)}`, {
      rejectUnauthorized: false,
      servername: request.host,
    });
    session.on('error', () => undefined);
    try {
      const pseudo = {
        ':method': request.method ?? 'GET',
        ':path': request.path ?? '/',
        ':authority': request.host ?? '',
      };
      const stream = session.request({ ...pseudo, ...Object.fromEntries(headerPairs(request)) });
      let trailers: Readonly<Record<string, string>> = {};
      stream.on('trailers', (found) => (trailers = found as Readonly<Record<string, string>>));
      stream.end(request.body);
      const [head] = (await within(limitMs, once(stream, 'response'))) as [Readonly<Record<string, string>>];
      let length = 0;
      stream.on('data', (chunk: Buffer) => (length += chunk.length));
      await within(limitMs, once(stream, 'end'));
      const pairs = Object.entries(head).filter(([name]) => !name.startsWith(':'));
      const headers = headersOf(
        pairs.flatMap(([name, value]) => [value].flat().flatMap((item) => [name, item])),
        this.#ports,
        LEFT_OUT,
      );
      const ends = Object.fromEntries(Object.entries(trailers).filter(([name]) => name.startsWith('grpc-')));
      return {
        status: Number(head[':status']),
        headers,
        len: length,
        ...(Object.keys(ends).length > 0 ? { trailers: ends } : {}),
      };
    } finally {
      session.destroy();
    }
  }
}

class TimeoutError extends Error {}
class TlsError extends Error {}

async function within<T>(limitMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError()), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** In the words of the record. */
function failureOf(thrown: unknown): string {
  if (thrown instanceof TimeoutError) return 'timeout';
  if (thrown instanceof TlsError) return 'tls error';
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'reset';
  // With TLS 1.3 a server refuses the certificate of a client after the client has taken the handshake for done.
  if (code.startsWith('ERR_SSL')) return 'tls error';
  return 'closed without answer';
}

function proxyHeader(text: string): string | Buffer {
  const [version, source = '', destination = '', sourcePort = '', destinationPort = ''] = text.split(' ');
  if (version === 'v1') return `PROXY TCP4 ${source} ${destination} ${sourcePort} ${destinationPort}\r\n`;
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(Number(sourcePort), 0);
  ports.writeUInt16BE(Number(destinationPort), 2);
  const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n\u0021\u0011\u0000\u000c', 'latin1');
  return Buffer.concat([signature, addressBytes(source), addressBytes(destination), ports]);
}

function addressBytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

function headOf(request: Request, jar: Jar | undefined): string {
  const { method = 'GET', path = '/', http = '1.1', host, nohost = false } = request;
  const pairs = headerPairs(request);
  const names = new Set(pairs.map(([name]) => name.toLowerCase()));
  const length = lengthOf(request);
  const lines = [
    `${method} ${path} HTTP/${http}`,
    ...(host === undefined || nohost ? [] : [`Host: ${host}`]),
    ...(jar === undefined || jar.size === 0
      ? []
      : [`Cookie: ${[...jar].map(([name, value]) => `${name}=${value}`).join('; ')}`]),
    ...pairs.map(([name, value]) => `${name}: ${value}`),
    ...(length === undefined || names.has('content-length') ? [] : [framing(request, length)]),
    ...(names.has('connection') ? [] : ['Connection: close']),
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function lengthOf({ body, body_size }: Request): number | undefined {
  return body_size ?? (body === undefined ? undefined : Buffer.byteLength(body));
}

function framing({ chunked = false }: Request, length: number): string {
  return chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${String(length)}`;
}

const CHUNK_BYTES = 4096;

function writeBody(socket: Socket, request: Request): void {
  const length = lengthOf(request);
  if (length === undefined) return;
  const body = request.body_size === undefined ? Buffer.from(request.body ?? '') : Buffer.alloc(length, 'x');
  if (request.chunked !== true) {
    socket.write(body);
    return;
  }
  for (let at = 0; at < body.length; at += CHUNK_BYTES) {
    const chunk = body.subarray(at, at + CHUNK_BYTES);
    socket.write(Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]));
  }
  socket.write('0\r\n\r\n');
}

function keepCookies(jar: Jar, { rawHeaders }: ReadAnswer): void {
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== 'set-cookie') continue;
    const cookie = rawHeaders[at + 1] ?? '';
    const [, name = '', value = ''] = /^([^=;]*)=?([^;]*)/.exec(cookie) ?? [];
    if (/max-age=0\b|expires=thu, 01.jan.1970/i.test(cookie)) jar.delete(name.trim());
    else jar.set(name.trim(), value.trim());
  }
}

/** How long nothing may come until an exchange with several answers is over. */
const QUIET_MS = 400;

async function exchangeRaw(socket: Socket, text: string, limitMs: number): Promise<Observation> {
  socket.write(text, 'latin1');
  const bytes = await new AnswerReader(socket).everything(limitMs, QUIET_MS);
  const statuses = [...bytes.toString('latin1').matchAll(/HTTP\/1\.[01] (\d{3})/g)].map(([, status]) => Number(status));
  return { status: statuses[0] ?? null, statuses };
}

async function exchangeTcp(port: number, text: string): Promise<Observation> {
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => undefined);
  try {
    await once(socket, 'connect');
    socket.write(text);
    const bytes = await new AnswerReader(socket).everything(4000, 50);
    return { status: 'tcp', body: bytes.length > 0 ? bytes.toString('latin1') : '<closed>' };
  } finally {
    socket.destroy();
  }
}

async function exchangeUdp(port: number, text: string): Promise<Observation> {
  const socket = createSocket('udp4');
  try {
    const answer = within(2000, once(socket, 'message'));
    socket.send(text, port, '127.0.0.1');
    const [message] = (await answer) as [Buffer];
    return { status: 'udp', body: message.toString('latin1') };
  } finally {
    socket.close();
  }
}

async function isFrameEchoed(socket: Socket, reader: AnswerReader, text: string): Promise<boolean> {
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]));
  const frame = await within(3000, reader.take(2 + text.length)).catch(() => undefined);
  return frame?.subarray(2).toString() === text;
}

async function stateAfter(reader: AnswerReader, limitMs: number): Promise<string> {
  try {
    await within(limitMs, reader.take(1));
    return 'data';
  } catch (thrown) {
    return thrown instanceof TimeoutError ? 'open' : 'closed';
  }
}
