import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Engine } from './engine.ts';
import { Backend, freePort } from './lab.ts';
import { ingress, service } from './manifest.ts';

/** The timeouts of the configuration, and those that these tests have the patience for. */
const SHORTENED = {
  'timeout client 60s': 'timeout client 3s',
  'timeout client-hs 10s': 'timeout client-hs 1s',
  'timeout http-request 10s': 'timeout http-request 1s',
  'timeout server 60s': 'timeout server 2s',
};

function shorten(skeleton: string): string {
  return Object.entries(SHORTENED).reduce((text, [long, short]) => {
    if (!text.includes(`${long}\n`)) throw new Error(`the configuration has no "${long}"`);
    return text.replaceAll(`${long}\n`, `${short}\n`);
  }, skeleton);
}

describe('slow peers', () => {
  let backend: Backend;
  let slow: Server;
  let engine: Engine;
  let onRequest: (incoming: IncomingMessage, outgoing: ServerResponse) => void = () => {};

  beforeAll(async () => {
    backend = await Backend.start('web');
    slow = createServer((incoming, outgoing) => onRequest(incoming, outgoing));
    const port = await freePort();
    slow.listen(port, '127.0.0.1');
    await once(slow, 'listening');
    engine = await Engine.create(shorten);
    await engine.apply(
      service('web', [backend.port]) +
        ingress('web', 'web.test', { '/': 'web' }) +
        service('slow', [port]) +
        ingress('slow', 'slow.test', { '/': 'slow' }),
    );
  });

  afterAll(async () => {
    await engine.stop();
    await backend.stop();
    slow.closeAllConnections();
    slow.close();
  });

  async function get(host: string): Promise<IncomingMessage> {
    const outgoing = request({ host: '127.0.0.1', port: engine.httpPort, headers: { host }, agent: false });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return response;
  }

  /** Everything that comes until the other side closes. */
  async function untilClosed(socket: Socket): Promise<string> {
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    socket.on('error', () => {});
    await once(socket, 'close');
    return received;
  }

  it('loses those who send their headers byte by byte, and serves others meanwhile', async () => {
    const sockets = Array.from({ length: 100 }, () => connect(engine.httpPort, '127.0.0.1'));
    const answers = Promise.all(sockets.map(untilClosed));
    const drip = setInterval(() => {
      for (const socket of sockets) if (socket.writable) socket.write('x');
    }, 100);
    for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nHost: web.test\r\nX-Slow: ');
    const response = await get('web.test');
    expect(response.statusCode).toBe(200);
    response.resume();
    // None of them ever ends its headers: this waits for ever unless HAProxy closes.
    const statuses = (await answers).map((answer) => answer.slice(0, 12));
    clearInterval(drip);
    expect([...new Set(statuses)]).toEqual(['HTTP/1.1 408']);
  });

  it('loses those who say nothing at all, or stop in the middle of a TLS handshake', async () => {
    const silent = untilClosed(connect(engine.httpPort, '127.0.0.1'));
    const half = connect(engine.httpsPort, '127.0.0.1');
    const handshake = untilClosed(half);
    // The beginning of a record that never comes to its end.
    half.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]));
    await Promise.all([silent, handshake]);
  });

  it('loses those who stop in the middle of a header block of HTTP/2', async () => {
    const socket = connect(engine.httpPort, '127.0.0.1');
    const closed = untilClosed(socket);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    // SETTINGS without any; HEADERS for stream 1 without END_HEADERS.
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    socket.write(Buffer.from([0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82]));
    await closed;
  });

  it('loses those who stop in the middle of a body, and tells the backend', async () => {
    const aborted = new Promise((resolve) => {
      onRequest = (incoming) => {
        incoming.resume();
        incoming.on('error', resolve);
      };
    });
    const socket = connect(engine.httpPort, '127.0.0.1');
    const answer = untilClosed(socket);
    socket.write('POST / HTTP/1.1\r\nHost: slow.test\r\nContent-Length: 1000\r\n\r\nonly this');
    await aborted;
    // Whatever the backend makes of half a body, it is no success.
    expect(await answer).toMatch(/^HTTP\/1\.1 [45]/);
  });

  it('lets a download go on for longer than the server timeout, as long as something comes', async () => {
    onRequest = (_, outgoing) => {
      let left = 16;
      const drip = setInterval(() => {
        left -= 1;
        if (left > 0) outgoing.write('x');
        else {
          clearInterval(drip);
          outgoing.end('x');
        }
      }, 250);
    };
    const response = await get('slow.test');
    let body = '';
    for await (const chunk of response) body += String(chunk);
    expect(body).toBe('x'.repeat(16));
  });

  it('cuts a download whose backend has stopped, so that nobody takes it for complete', async () => {
    onRequest = (_, outgoing) => outgoing.write('beginning');
    const response = await get('slow.test');
    let body = '';
    const read = async (): Promise<void> => {
      for await (const chunk of response) body += String(chunk);
    };
    await expect(read()).rejects.toThrow('aborted');
    expect(body).toBe('beginning');
  });

  it('answers 504 for a backend that does not answer', async () => {
    onRequest = () => {};
    const response = await get('slow.test');
    response.resume();
    expect(response.statusCode).toBe(504);
  });

  it('keeps a WebSocket that is quiet for longer than that', async () => {
    const socket = connect(engine.httpPort, '127.0.0.1');
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    socket.write('GET / HTTP/1.1\r\nHost: web.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n');
    await once(socket, 'data');
    expect(received).toMatch(/^HTTP\/1\.1 101 /);
    // Longer than the client and the server timeout.
    await pause(4000);
    socket.write('still there');
    await once(socket, 'data');
    expect(received).toMatch(/still there$/);
    socket.destroy();
  });
});
