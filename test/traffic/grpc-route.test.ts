import { once } from 'node:events';
import { connect, createServer, type Http2Server, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Engine } from './engine.ts';

let engine: Engine;
const servers: Http2Server[] = [];

/** A service that takes every call in clear text, and says who it is. */
async function service(name: string): Promise<string> {
  const server = createServer((incoming, outgoing) => {
    incoming.resume();
    outgoing.writeHead(200, {
      'content-type': 'application/grpc',
      'x-who': name,
      'x-path': incoming.url,
      'x-set': String(incoming.headers['x-set']),
    });
    outgoing.addTrailers({ 'grpc-status': '0' });
    outgoing.end();
  });
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  const { port } = server.address() as AddressInfo;
  return `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { ports: [{ port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ port: ${String(port)} }]
endpoints: [{ addresses: [127.0.0.1], conditions: { ready: true } }]
---
`;
}

const ROUTES = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge }
spec: { gatewayClassName: sluice, listeners: [{ name: plain, port: 80, protocol: HTTP }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: calls }
spec:
  parentRefs: [{ name: edge }]
  hostnames: [calls.test]
  rules:
    - { matches: [{ method: { service: shop.Cart } }], backendRefs: [{ name: one, port: 80 }] }
    - matches: [{ method: { service: shop.Cart, method: Pay } }]
      filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-set, value: "yes" }] } }]
      backendRefs: [{ name: two, port: 80 }]
    - { matches: [{ method: { service: shop.Cart, method: Pay }, headers: [{ name: Version, value: two }] }], backendRefs: [{ name: one, port: 80 }] }
    - { matches: [{ method: { method: Ping } }], backendRefs: [{ name: two, port: 80 }] }
    - { matches: [{ method: { type: RegularExpression, service: "shop\\\\.(?:a|b)", method: "Get.*" } }], backendRefs: [{ name: two, port: 80 }] }
    - { matches: [{ method: { service: shop.Gone } }], backendRefs: [{ name: gone, port: 80 }] }
`;

beforeAll(async () => {
  engine = await Engine.create();
  await engine.apply(`${await service('one')}${await service('two')}${ROUTES}`);
});

afterAll(async () => {
  await engine.stop();
  for (const server of servers) server.close();
});

/** A call in clear text, by HTTP/2 from its first byte. */
async function call(path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const session = connect(`http://127.0.0.1:${String(engine.httpPort)}`);
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    ':authority': 'calls.test',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  let answer = '';
  let trailers = '';
  stream.on('response', (got) => {
    answer = `${String(got[':status'])} by ${String(got['x-who'] ?? 'nobody')} ${String(got['x-set'] ?? '')}`.trim();
  });
  stream.on('trailers', (got: IncomingHttpHeaders) => (trailers = ` status ${String(got['grpc-status'])}`));
  stream.resume();
  stream.end();
  await once(stream, 'close');
  session.destroy();
  return `${answer}${trailers}`;
}

it.each([
  ['/shop.Cart/Add', {}, '200 by one undefined status 0'],
  ['/shop.Cart/Pay', {}, '200 by two yes status 0'],
  ['/shop.Cart/Pay', { version: 'two' }, '200 by one undefined status 0'],
  ['/shop.Other/Ping', {}, '200 by two undefined status 0'],
  // More of a service goes before more of a method.
  ['/shop.Cart/Ping', {}, '200 by one undefined status 0'],
  ['/shop.Other/Pings', {}, '404 by nobody'],
  ['/shop.CartX/Add', {}, '404 by nobody'],
  ['/shop.cart/Add', {}, '404 by nobody'],
  ['/shop.a/GetAll', {}, '200 by two undefined status 0'],
  ['/shop.c/GetAll', {}, '404 by nobody'],
  // Clients make UNAVAILABLE of it.
  ['/shop.Gone/Call', {}, '503 by nobody'],
])('a GRPCRoute: a call of %s with %j is answered %s', async (path, headers, expected) => {
  expect(await call(path, headers)).toBe(expected);
});
