import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { Backend, freePort, Lab } from './lab.ts';
import { bareService, endpointSlice, ingress, service } from './manifest.ts';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

/** Changes of other objects, enough of them that something held by mistake would be cut. */
async function changeOthers(lab: Lab, label: string, port: number): Promise<void> {
  const host = `${label}.test`;
  await lab.write(`${label}.yaml`, service(label, [port]) + ingress(label, host, { '/': label }));
  await lab.until('another host', async () => (await lab.get(`http://${host}/`)).status === 200);
  await lab.remove(`${label}.yaml`);
  await lab.until('it to go', async () => (await lab.get(`http://${host}/`)).status === 404);
}

describe('long bodies', () => {
  let server: Server;
  let port: number;
  let other: Backend;
  let lab: Lab;
  let onRequest: (incoming: IncomingMessage, outgoing: ServerResponse) => void = () => {};

  beforeAll(async () => {
    server = createServer((incoming, outgoing) => onRequest(incoming, outgoing));
    port = await freePort();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    other = await Backend.start('other');
    lab = await Lab.create({});
  });

  beforeEach(async () => {
    await lab.write('long.yaml', service('long', [port]) + ingress('long', 'long.test', { '/': 'long' }));
    onRequest = (_, outgoing) => outgoing.end('there');
    await lab.until('the host', async () => (await lab.get('http://long.test/')).body === 'there');
  });

  afterAll(async () => {
    await lab.stop();
    await other.stop();
    server.closeAllConnections();
    server.close();
  });

  function ask(method: string, path: string): ReturnType<typeof request> {
    return request({ host: '127.0.0.1', port: lab.httpPort, method, path, headers: { host: 'long.test' } });
  }

  it('takes an upload of 1 GiB, and holds no more memory for it', async () => {
    let received = 0;
    onRequest = (incoming, outgoing) => {
      incoming.on('data', (chunk: Buffer) => (received += chunk.length));
      incoming.on('end', () => outgoing.end());
    };
    const pids = [lab.pid, await lab.enginePid()];
    const before = await Promise.all(pids.map(residentBytes));
    const highest = [...before];
    const upload = ask('PUT', '/upload');
    const answered = once(upload, 'response');
    await pipeline(Readable.from(oneGib(pids, highest)), upload);
    const [response] = (await answered) as [IncomingMessage];
    response.resume();
    expect([response.statusCode, received]).toEqual([200, GIB]);
    // A sixteenth of what went through: neither keeps it, whole or in part.
    highest.forEach((bytes, index) => expect(bytes - (before[index] ?? 0)).toBeLessThan(64 * MIB));
  });

  /** A GiB in blocks; on the way it notes the highest memory that each process has had. */
  async function* oneGib(pids: readonly number[], highest: number[]): AsyncGenerator<Buffer> {
    const block = Buffer.alloc(MIB, 'x');
    for (let sent = 0; sent < 1024; sent += 1) {
      yield block;
      if (sent % 64 !== 63) continue;
      const now = await Promise.all(pids.map(residentBytes));
      now.forEach((bytes, index) => (highest[index] = Math.max(highest[index] ?? 0, bytes)));
    }
  }

  it('lets a download end whose endpoint, route and Service have gone', async () => {
    let download: ServerResponse | undefined;
    onRequest = (incoming, outgoing) => {
      if (incoming.url !== '/download') outgoing.end('there');
      else {
        download = outgoing;
        outgoing.write('first ');
      }
    };
    const outgoing = ask('GET', '/download');
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    let body = '';
    response.on('data', (chunk: Buffer) => (body += chunk.toString()));
    const ended = once(response, 'end');
    await lab.until('the beginning', () => Promise.resolve(body === 'first '));

    const route = ingress('long', 'long.test', { '/': 'long' });
    await lab.write('long.yaml', service('long', [other.port]) + route);
    await lab.until('another endpoint', async () => (await lab.get('http://long.test/')).body.includes('other'));
    download?.write('second ');
    await lab.until('more of it', () => Promise.resolve(body === 'first second '));
    await lab.write('long.yaml', '');
    await lab.until('the host to go', async () => (await lab.get('http://long.test/')).status === 404);
    download?.end('third');
    await ended;
    expect(body).toBe('first second third');
    expect(await lab.reloads()).toBe(0);
  });

  it('hands on each server-sent event when it comes, through changes of other objects', async () => {
    let events: ServerResponse | undefined;
    onRequest = (incoming, outgoing) => {
      if (incoming.url !== '/events') outgoing.end('there');
      else {
        events = outgoing;
        outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
        outgoing.flushHeaders();
      }
    };
    const outgoing = ask('GET', '/events');
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    expect(response.headers['content-type']).toBe('text/event-stream');
    let received = '';
    response.on('data', (chunk: Buffer) => (received += chunk.toString()));
    for (let n = 1; n <= 4; n += 1) {
      const event = `data: ${String(n)}\n\n`;
      events?.write(event);
      // The next is sent only when this one is there: what is held back is never waited for in vain.
      await lab.until(`event ${String(n)}`, () => Promise.resolve(received.endsWith(event)));
      await changeOthers(lab, `while-${String(n)}`, other.port);
    }
    const closed = once(events ?? outgoing, 'close');
    response.destroy();
    // The backend learns that the reader has gone, or it would send for ever.
    await closed;
    expect(await lab.reloads()).toBe(0);
  });
});

async function residentBytes(pid: number): Promise<number> {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${String(pid)}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}

describe('WebSocket', () => {
  let one: EchoServer;
  let two: EchoServer;
  let other: Backend;
  let lab: Lab;
  const route = bareService('echo') + ingress('echo', 'echo.test', { '/': 'echo' });

  beforeEach(async () => {
    one = await EchoServer.start('one');
    two = await EchoServer.start('two');
    other = await Backend.start('other');
    lab = await Lab.create({ 'echo.yaml': route + endpointSlice('echo', one.port, 'ready') });
  });

  afterEach(async () => {
    await lab.stop();
    one.stop();
    two.stop();
    await other.stop();
  });

  async function open(): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${String(lab.httpPort)}/chat`, 'talk', {
      headers: { host: 'echo.test' },
    });
    await once(socket, 'open');
    return socket;
  }

  async function say(socket: WebSocket, text: string): Promise<string> {
    const answer = once(socket, 'message');
    socket.send(text);
    const [data] = (await answer) as [Buffer];
    return data.toString();
  }

  it('goes on while its endpoint drains and goes, its route goes, and other objects change', async () => {
    const socket = await open();
    expect([socket.protocol, await say(socket, 'a')]).toEqual(['talk', 'one: a']);
    expect(await say(socket, 'x'.repeat(MIB))).toBe(`one: ${'x'.repeat(MIB)}`);
    await changeOthers(lab, 'while', other.port);
    expect(await say(socket, 'b')).toBe('one: b');

    const moved = endpointSlice('echo', two.port, 'ready');
    await lab.write('echo.yaml', route + endpointSlice('echo', one.port, 'terminating') + moved);
    await lab.until('new ones to go elsewhere', async () => {
      const next = await open();
      const answer = await say(next, 'c');
      next.close();
      return answer === 'two: c';
    });
    expect(await say(socket, 'd')).toBe('one: d');

    await lab.write('echo.yaml', route + moved);
    await lab.until('the endpoint to go', async () => {
      const { items } = JSON.parse((await lab.api('/api/v1/services')).body) as { readonly items: object[] };
      return !JSON.stringify(items).includes(String(one.port));
    });
    expect(await say(socket, 'e')).toBe('one: e');

    await lab.write('echo.yaml', '');
    await lab.until('the host to go', async () => (await lab.get('http://echo.test/')).status === 404);
    expect(await say(socket, 'f')).toBe('one: f');
    const closed = once(socket, 'close');
    socket.close(4000, 'enough');
    const [code] = (await closed) as [number];
    expect(code).toBe(4000);
    await lab.until('the server to hear of it', () => Promise.resolve(one.lastClose === 4000));
    expect(await lab.reloads()).toBe(0);
  });

  it('goes on while Sluice is killed and started again', async () => {
    const socket = await open();
    await lab.signal('SIGKILL');
    expect(await say(socket, 'a')).toBe('one: a');
    await lab.start();
    expect(await say(socket, 'b')).toBe('one: b');
    socket.close();
    await once(socket, 'close');
  });
});

/** A WebSocket server that answers every message with its name and the message. */
class EchoServer {
  readonly port: number;
  /** The status with which a client closed last. */
  lastClose = 0;
  readonly #server: WebSocketServer;

  private constructor(name: string, port: number, server: WebSocketServer) {
    this.port = port;
    this.#server = server;
    server.on('connection', (socket) => {
      socket.on('message', (data: Buffer) => socket.send(`${name}: ${data.toString()}`));
      socket.on('close', (code) => (this.lastClose = code));
    });
  }

  static async start(name: string): Promise<EchoServer> {
    const port = await freePort();
    const server = new WebSocketServer({ host: '127.0.0.1', port });
    await once(server, 'listening');
    return new EchoServer(name, port, server);
  }

  stop(): void {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }
}
