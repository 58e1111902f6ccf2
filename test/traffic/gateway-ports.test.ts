/** Gateways with addresses of their own, from the ports of HAProxy on: which port has which routes, and how more ports come. */
import { Agent, request as httpRequest } from 'node:http';
import { connect, constants, type ClientHttp2Session } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from './certificate.ts';
import { Engine } from './engine.ts';
import { freePorts } from './free-ports.ts';
import { Backend } from './lab.ts';
import { service, tlsSecret } from './manifest.ts';

/** 60 of each kind: 32 stand ready at first. */
const COUNT = 120;

interface Listener {
  readonly name: string;
  readonly port: number;
  readonly hostname?: string;
  readonly protocol?: 'HTTPS';
}

function gateway(name: string, listeners: readonly Listener[]): string {
  const all = listeners.map((listener) => ({
    protocol: 'HTTP',
    ...listener,
    ...(listener.protocol === 'HTTPS' && { tls: { certificateRefs: [{ name: 'tls' }] } }),
  }));
  return manifest('Gateway', name, { gatewayClassName: 'sluice', listeners: all });
}

function route(
  gatewayName: string,
  sectionName: string,
  target: string,
  path = '/',
  hostnames?: readonly string[],
): string {
  const rules = [
    { matches: [{ path: { type: 'PathPrefix', value: path } }], backendRefs: [{ name: target, port: 80 }] },
  ];
  return manifest('HTTPRoute', `${gatewayName}-${sectionName}`, {
    parentRefs: [{ name: gatewayName, sectionName }],
    hostnames,
    rules,
  });
}

function manifest(kind: string, name: string, spec: object): string {
  const metadata = { name, namespace: 'default', creationTimestamp: '2024-01-01T00:00:00Z' };
  return `${JSON.stringify({ apiVersion: 'gateway.networking.k8s.io/v1', kind, metadata, spec })}\n---\n`;
}

const agent = new Agent({ keepAlive: true });

/** Who answers, or with which status nobody does. */
async function ask(port: number, host: string, path = '/'): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest({ host: '127.0.0.1', port, path, agent, headers: { host } }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve(response.statusCode === 200 ? nameIn(body) : String(response.statusCode)));
    });
    asked.on('error', reject);
    asked.end();
  });
}

function nameIn(body: string): string {
  return (JSON.parse(body) as { readonly name: string }).name;
}

/** The status of a request for one host over a connection made for another. */
async function askOver(session: ClientHttp2Session, host: string, path = '/'): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ [constants.HTTP2_HEADER_AUTHORITY]: host, [constants.HTTP2_HEADER_PATH]: path });
    stream.on('response', (headers) => resolve(Number(headers[constants.HTTP2_HEADER_STATUS])));
    stream.on('error', reject);
    stream.resume();
    stream.end();
  });
}

describe('ports of HAProxy for Gateways', () => {
  let engine: Engine;
  let first: number;
  let tls: number;
  const backends: Backend[] = [];

  beforeAll(async () => {
    first = await freePorts(COUNT);
    tls = first + COUNT / 2;
    engine = await Engine.create(undefined, { first, last: first + COUNT - 1 });
    for (const name of ['one', 'two', 'three', 'four']) {
      const backend = await Backend.start(name);
      backends.push(backend);
      await engine.apply(service(name, [backend.port]));
    }
  });

  afterAll(async () => {
    agent.destroy();
    await engine.stop();
    for (const backend of backends) await backend.stop();
  });

  it('are opened with the first Gateway, and have the routes of their own Gateway alone', async () => {
    expect(engine.starts).toEqual(['started']);
    await engine.apply(gateway('a', [{ name: 'web', port: 80 }]) + route('a', 'web', 'one'));
    await engine.apply(gateway('b', [{ name: 'web', port: 80 }]) + route('b', 'web', 'two'));
    expect(engine.starts).toEqual(['started', 'listeners']);
    expect(await ask(first, 'any.test')).toBe('one');
    expect(await ask(first + 1, 'any.test')).toBe('two');
    expect(await ask(engine.httpPort, 'any.test')).toBe('404');
  });

  it('have requests answered by the most specific listener, whose routes alone count', async () => {
    const hosts = [undefined, '*.example.com', '*.foo.example.com', 'abc.foo.example.com'];
    const names = ['one', 'two', 'three', 'four'];
    const listeners = hosts.map((hostname, index) => ({
      name: names[index] ?? '',
      port: 80,
      ...(hostname !== undefined && { hostname }),
    }));
    const routes = names.map((name) => route('isolated', name, name, `/${name}`));
    await engine.apply(gateway('isolated', listeners) + routes.join(''));
    const asked = ['bar.com', 'bar.example.com', 'x.y.example.com', 'bar.foo.example.com', 'abc.foo.example.com'];
    const owners = ['one', 'two', 'two', 'three', 'four'];
    for (const [index, host] of asked.entries())
      for (const name of names)
        expect([host, name, await ask(first + 2, host, `/${name}`)]).toEqual([
          host,
          name,
          owners[index] === name ? name : '404',
        ]);
  });

  it('refuse over TLS what is for another listener than the one that the connection is with', async () => {
    const pem = makeCertificate('tls', ['a.test', 'b.test', '*.wild.test']);
    const hostnames = ['a.test', 'b.test', '*.wild.test'];
    const listeners = hostnames.map((hostname, index) => ({
      name: ['one', 'two', 'three'][index] ?? '',
      port: 443,
      protocol: 'HTTPS' as const,
      hostname,
    }));
    await engine.apply(
      tlsSecret('tls', pem) +
        gateway('secure', listeners) +
        ['one', 'two', 'three'].map((name) => route('secure', name, name, '/known')).join(''),
    );
    const session = connect(`https://127.0.0.1:${String(tls)}`, { servername: 'a.test', rejectUnauthorized: false });
    const wild = connect(`https://127.0.0.1:${String(tls)}`, { servername: 'x.wild.test', rejectUnauthorized: false });
    try {
      expect(await askOver(session, 'a.test', '/known')).toBe(200);
      expect(await askOver(session, 'a.test', '/unknown')).toBe(404);
      expect(await askOver(session, 'b.test', '/known')).toBe(421);
      expect(await askOver(session, 'x.wild.test', '/known')).toBe(421);
      expect(await askOver(session, 'nobody.test', '/known')).toBe(404);
      expect(await askOver(wild, 'y.wild.test', '/known')).toBe(200);
      expect(await askOver(wild, 'a.test', '/known')).toBe(421);
    } finally {
      session.close();
      wild.close();
    }
  });

  it('become more by one hand-over, in which no request is lost', async () => {
    let isRunning = true;
    let sent = 0;
    const failures: string[] = [];
    const workers = [0, 1, 0, 1].map(async (offset) => {
      while (isRunning) {
        sent += 1;
        const answer = await ask(first + offset, 'any.test').catch((thrown: unknown) => String(thrown));
        if (answer !== ['one', 'two'][offset]) failures.push(answer);
      }
    });
    const before = engine.starts.length;
    for (let index = 0; index < 40; index += 1)
      await engine.apply(
        gateway(`many-${String(index)}`, [{ name: 'web', port: 80 }]) + route(`many-${String(index)}`, 'web', 'three'),
      );
    isRunning = false;
    await Promise.all(workers);
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(40);
    expect(engine.starts.slice(before)).toEqual(['listeners']);
    expect(await ask(first + 42, 'any.test')).toBe('three');
  });
});
