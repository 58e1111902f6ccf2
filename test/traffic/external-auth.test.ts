import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { urlTemplateOf, type ExternalAuth, type UrlTemplate } from '../../src/model/http/filter/external-auth.ts';
import { hostHeaderOf } from '../../src/model/http/filter/url-rewrite.ts';
import { EngineWorld, type AskOptions } from './engine-world.ts';
import { Backend } from './lab.ts';
import { headerName, prefix, routed, type RuleText } from './routed.ts';

function template(text: string): UrlTemplate {
  const found = urlTemplateOf(text);
  if (found === undefined) throw new Error('the test wrote a template');
  return found;
}

function asking(more: Partial<ExternalAuth> = {}): ExternalAuth {
  const host = hostHeaderOf('auth.test:8080');
  if (host === undefined) throw new Error('the test wrote a host');
  return {
    type: 'ExternalAuth',
    server: { namespace: 'shop', service: 'auth', port: 80 },
    connection: { version: undefined, tls: undefined },
    backend: '',
    method: 'GET',
    host,
    path: template('/check?a=1'),
    responseHeaders: [headerName('x-user'), headerName('x-absent')],
    signIn: undefined,
    requestRedirect: undefined,
    alwaysSetsCookie: false,
    ...more,
  };
}

/** Requests that are not answered. */
const silent: ServerResponse[] = [];

/** The server that says who may come: what it does is told by a header of the client. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const want = String(request.headers['x-want'] ?? '200');
  if (want === 'die') request.socket.destroy();
  else if (want === 'huge') {
    response.writeHead(200);
    const pump = (): void => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', pump);
    pump();
  } else if (want === 'many') {
    response.writeHead(200, { 'x-user': 'x'.repeat(14_000), 'x-more': 'x'.repeat(14_000) }).end();
  } else if (want === 'never') {
    silent.push(response);
  } else {
    const asked = [request.method, request.url, request.headers.host, request.headers['x-original-url']].join(' ');
    const headers = {
      'x-user': asked,
      location: 'http://else.test/',
      'www-authenticate': 'Bearer',
      'set-cookie': 'sid=1',
    };
    response.writeHead(Number(want), headers).end();
  }
}

describe('external authentication', () => {
  const sockets = new Set<Socket>();
  let world: EngineWorld;
  let web: Backend;
  let server: Server;
  let garbage: TcpServer;
  let port = 0;
  let garbagePort = 0;

  beforeAll(async () => {
    world = await EngineWorld.create();
    web = await Backend.start('web');
    server = createHttpServer(answer);
    server.on('connection', (socket) => sockets.add(socket));
    garbage = createServer((socket) => socket.on('error', () => undefined).end('HTTP/1.1 2x0 OK\r\n\r\n'));
    for (const one of [server, garbage]) await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
    garbagePort = (garbage.address() as AddressInfo).port;
  });

  afterAll(async () => {
    await world.plane.release();
    await world.close();
    await web.stop();
    for (const socket of sockets) socket.destroy();
    server.close();
    garbage.close();
  });

  async function serve(filter: ExternalAuth, authPort = port): Promise<void> {
    const ports = new Map([
      ['web', web.port],
      ['auth', authPort],
    ]);
    const rules: readonly RuleText[] = [{ filters: [filter] }, { match: prefix('/open') }];
    await world.plane.apply(routed('a.test', rules, ports), new AbortController().signal);
  }

  function ask(want: string, path = '/p?q=1', options: AskOptions = {}): Promise<string> {
    const headers = { 'x-want': want, ...options.headers };
    return world.ask('GET', new URL(path, 'http://a.test'), { ...options, headers });
  }

  it('lets in by 2xx alone, and refuses by 401 and 403 as the server does; whatever else it says is 500', async () => {
    await serve(asking());
    const passed = ['200', '204', '299', '401', '403'];
    for (const want of [...passed, '301', '302', '400', '404', '429', '500', '503']) {
      const status = !passed.includes(want) ? '500' : want.startsWith('2') ? '200' : want;
      expect((await ask(want)).slice(0, 3), want).toBe(status);
    }
    expect(await ask('401', '/', { show: ['www-authenticate'] })).toBe('401, response www-authenticate: Bearer');
  });

  it('tells the server what is asked for, and the backend what the server says, whatever the client claims', async () => {
    await serve(asking());
    const asked = await ask('200', '/p%20q?x=1', {
      headers: {
        'x-user': 'root',
        'x-absent': 'root',
        'x-original-url': 'http://evil.test/',
        'x-sluice-backend': 'web',
      },
      show: ['x-user', 'x-absent'],
    });
    expect(asked).toBe(
      '200 by web, asked for /p%20q?x=1, request x-user: GET /check?a=1 auth.test:8080 http://a.test/p%20q?x=1',
    );
  });

  it('sends clients to sign in, with the URL to come back to escaped', async () => {
    await serve(asking({ signIn: template('https://$host/start?rd=$scheme://$http_host$escaped_request_uri') }));
    expect(await ask('401', '/a?b=c&d=%0d%0aX:1')).toBe(
      '302 to https://a.test/start?rd=http://a.test%2Fa%3Fb%3Dc%26d%3D%250d%250aX%3A1',
    );
    expect(await ask('403')).toBe('403');
  });

  it('gives the client cookies of the server with what is no error, or always', async () => {
    const show = ['set-cookie'];
    await serve(asking());
    expect(await ask('200', '/', { show })).toContain('response set-cookie: sid=1');
    expect(await ask('401', '/', { show })).toBe('401');
    await serve(asking({ alwaysSetsCookie: true }));
    expect(await ask('401', '/', { show })).toBe('401, response set-cookie: sid=1');
  });

  it.each(['die', 'many'])('a server that does "%s" lets nobody in, and harms no other route', async (want) => {
    await serve(asking());
    expect(await ask(want)).toBe('500');
    expect((await ask(want, '/open')).slice(0, 3)).toBe('200');
  });

  it('a server whose answer never ends is not read to its end', async () => {
    await serve(asking());
    expect((await ask('huge')).slice(0, 3)).toBe('200');
    expect((await ask('200')).slice(0, 3)).toBe('200');
  });

  it('a server that never answers holds up its own route alone', async () => {
    await serve(asking());
    const waiting = ask('never').catch(() => 'gone');
    for (let count = 0; count < 20; count += 1) expect((await ask('200', '/open')).slice(0, 3)).toBe('200');
    for (const response of silent.splice(0)) response.writeHead(500).end();
    expect(await waiting).toBe('500');
  });

  it('a server that never answers does not get all connections that HAProxy may have', async () => {
    await serve(asking());
    const waiting = Array.from({ length: 150 }, () => ask('never').catch(() => 'gone'));
    await expect.poll(() => silent.length, { timeout: 10_000 }).toBeGreaterThan(10);
    expect((await ask('200', '/open')).slice(0, 3)).toBe('200');
    expect(await Promise.race(waiting)).toBe('500');
    for (const response of silent.splice(0)) response.writeHead(401).end();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['401', '500']));
    expect((await ask('200')).slice(0, 3)).toBe('200');
  });

  it('a server that speaks no HTTP, or is not there, lets nobody in', async () => {
    await serve(asking(), garbagePort);
    expect(await ask('200')).toBe('500');
    await serve(asking(), 1);
    expect(await ask('200')).toBe('500');
    expect((await ask('200', '/open')).slice(0, 3)).toBe('200');
  });
});
