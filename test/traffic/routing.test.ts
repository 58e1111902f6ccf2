import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from './certificate.ts';
import { Backend, Lab } from './lab.ts';
import { ingress, service, tlsSecret } from './manifest.ts';

interface Seen {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

function seen(body: string): Seen {
  // What test/traffic/lab.ts' Backend answers with.
  return JSON.parse(body) as Seen;
}

describe('routing through a real HAProxy', () => {
  let one: Backend;
  let two: Backend;
  let lab: Lab;

  beforeAll(async () => {
    one = await Backend.start('one');
    two = await Backend.start('two');
    lab = await Lab.create({
      'services.yaml': `${service('one', [one.port])}${service('two', [two.port])}${service('none', [])}`,
      'web.yaml':
        ingress('web', 'shop.test', {
          '/': 'one',
          '/cart': 'two',
          '=/exact': 'two',
          '/none': 'none',
          '/missing': 'nobody',
        }) +
        ingress('wild', '*.wild.test', { '/': 'two' }) +
        ingress('deep', 'deep.wild.test', { '/only': 'one' }),
      'tls.yaml':
        tlsSecret('secure', makeCertificate('secure.test', ['secure.test'])) +
        ingress('secure', 'secure.test', { '/': 'one' }, 'secure'),
    });
  });

  afterAll(async () => {
    await lab.stop();
    await one.stop();
    await two.stop();
  });

  it.each([
    ['http://shop.test/', 'one'],
    ['http://shop.test/cart', 'two'],
    ['http://shop.test/cart/', 'two'],
    ['http://shop.test/cart/a/b?c=d', 'two'],
    ['http://shop.test/cartoon', 'one'],
    ['http://shop.test/exact', 'two'],
    ['http://shop.test/exact/', 'one'],
    ['http://a.wild.test/x', 'two'],
    ['http://deep.wild.test/only', 'one'],
  ])('%s goes to %s', async (url, name) => {
    const answer = await lab.get(url);
    expect(answer.status).toBe(200);
    expect(seen(answer.body).name).toBe(name);
  });

  it.each([
    ['an unknown host', 'http://nobody.test/', 404],
    ['a path that its host leaves open', 'http://deep.wild.test/other', 404],
    ['two labels below a wildcard', 'http://a.b.wild.test/', 404],
    ['a Service without endpoints', 'http://shop.test/none', 503],
    ['a Service that is missing', 'http://shop.test/missing', 503],
  ])('%s is refused', async (_, url, status) => {
    expect((await lab.get(url)).status).toBe(status);
  });

  it('says in the access log why it refused', async () => {
    for (const path of ['/none', '/missing']) await lab.get(`http://shop.test${path}`);
    await lab.get('http://nobody.test/');
    await lab.until('reasons in the log', () =>
      Promise.resolve(
        ['"no-endpoints"', '"service-missing"', '"no-route"'].every((reason) => lab.output.includes(reason)),
      ),
    );
  });

  it.each(['SHOP.test', 'shop.test:8080', 'shop.test.', 'Shop.Test.:80'])(
    'finds the route of Host: %s',
    async (host) => {
      expect(seen((await lab.get('http://shop.test/cart', { host })).body).name).toBe('two');
    },
  );

  it('replaces what an untrusted client says of itself', async () => {
    const { body } = await lab.get('http://shop.test/', {
      'x-forwarded-for': '203.0.113.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'evil.test',
      'x-real-ip': '203.0.113.1',
      'x-request-id': 'forged',
    });
    const { headers } = seen(body);
    expect(headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'shop.test',
      'x-real-ip': '127.0.0.1',
    });
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('serves TLS with the certificate of the host, and another to other hosts', async () => {
    const answer = await lab.get('https://secure.test/');
    expect([answer.status, answer.certificate, seen(answer.body).headers['x-forwarded-proto']]).toEqual([
      200,
      'secure.test',
      'https',
    ]);
    expect((await lab.get('https://shop.test/')).certificate).toBe('Sluice default certificate');
  });

  it('redirects HTTP to HTTPS on a host with TLS, with path and query', async () => {
    const { status, headers } = await lab.get('http://secure.test/a?b=c');
    expect([status, headers.location]).toEqual([308, `https://secure.test:${String(lab.httpsPort)}/a?b=c`]);
  });

  it('carries WebSocket-like upgrades both ways', async () => {
    const socket = connect(lab.httpPort, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n');
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    await lab.until('the upgrade', () => Promise.resolve(received.includes('101 Switching')));
    socket.write('ping');
    await lab.until('the echo', () => Promise.resolve(received.endsWith('ping')));
    socket.destroy();
  });

  it.each([
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
    ['a Host of a port alone', 'GET / HTTP/1.1\r\nHost: :80\r\n\r\n'],
    ['a "#" in the path', 'GET /a# HTTP/1.1\r\nHost: shop.test\r\n\r\n'],
    ['a blank in the path', 'GET /a b HTTP/1.1\r\nHost: shop.test\r\n\r\n'],
  ])('refuses a request with %s', async (_, text) => {
    const socket = connect(lab.httpPort, '127.0.0.1');
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    socket.write(text);
    await lab.until('an answer', () => Promise.resolve(received.includes('\r\n')));
    socket.destroy();
    expect(received).toMatch(/^HTTP\/1\.[01] 400 /);
  });

  it('lets no Content-Length through beside Transfer-Encoding, and trusts the connection no further', async () => {
    const socket = connect(lab.httpPort, '127.0.0.1');
    let received = '';
    let isClosed = false;
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    socket.on('close', () => (isClosed = true));
    const smuggled = 'GET /cart HTTP/1.1\r\nHost: shop.test\r\n\r\n';
    socket.write(
      `POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    );
    await lab.until('the end of the connection', () => Promise.resolve(isClosed));
    expect(received.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(received).not.toContain('content-length\\":\\"5');
    expect(seen(received.slice(received.indexOf('{'))).headers['content-length']).toBeUndefined();
  });

  it('tells what it serves through the API and get', async () => {
    const routes = JSON.parse((await lab.api('/api/v1/routes')).body) as {
      readonly items: readonly { readonly host: string }[];
    };
    expect(routes.items.map((item) => item.host)).toContain('*.wild.test');
    const findings = (await lab.api('/api/v1/findings')).body;
    expect(findings).toContain('SLU207');
    expect(findings).not.toContain('PRIVATE KEY');
    expect(await lab.reloads()).toBe(0);
  });

  it('keeps the objects of a file that does not parse, and tells of it', async () => {
    await lab.write('web2.yaml', ingress('late', 'late.test', { '/': 'one' }));
    await lab.until('the new host', async () => (await lab.get('http://late.test/')).status === 200);
    await lab.write('web2.yaml', 'apiVersion: v1\nkind: [unclosed\n');
    await lab.until('the finding', async () => (await lab.api('/api/v1/findings')).body.includes('SLU101'));
    expect((await lab.get('http://late.test/')).status).toBe(200);
    await lab.remove('web2.yaml');
    await lab.until('the host to go', async () => (await lab.get('http://late.test/')).status === 404);
    expect(await lab.reloads()).toBe(0);
  });

  it('moves traffic to another endpoint and lets running requests end', async () => {
    await lab.write('moving.yaml', service('moving', [one.port]) + ingress('moving', 'moving.test', { '/': 'moving' }));
    await lab.until('the host', async () => (await lab.get('http://moving.test/')).status === 200);
    const slow = lab.get('http://moving.test/?delay=700');
    await lab.until(
      'the slow request to be running',
      () => new Promise((resolve) => one.server.getConnections((_, count) => resolve(count > 0))),
    );
    await lab.write('moving.yaml', service('moving', [two.port]) + ingress('moving', 'moving.test', { '/': 'moving' }));
    await lab.until('the move', async () => seen((await lab.get('http://moving.test/')).body).name === 'two');
    expect(seen((await slow).body).name).toBe('one');
    // The same endpoint again, while or after the old one is being deleted.
    await lab.write('moving.yaml', service('moving', [one.port]) + ingress('moving', 'moving.test', { '/': 'moving' }));
    await lab.until('the move back', async () => seen((await lab.get('http://moving.test/')).body).name === 'one');
    expect(await lab.reloads()).toBe(0);
  });

  it('serves a changed certificate to new handshakes', async () => {
    const first = makeCertificate('rotate-1', ['rotate.test']);
    const second = makeCertificate('rotate-2', ['rotate.test']);
    const route = ingress('rotate', 'rotate.test', { '/': 'one' }, 'rotate');
    await lab.write('rotate.yaml', tlsSecret('rotate', first) + route);
    await lab.until('the first', async () => (await lab.get('https://rotate.test/')).certificate === 'rotate-1');
    await lab.write('rotate.yaml', tlsSecret('rotate', second) + route);
    await lab.until('the second', async () => (await lab.get('https://rotate.test/')).certificate === 'rotate-2');
    await lab.write('rotate.yaml', tlsSecret('rotate', { certificate: first.certificate, key: second.key }) + route);
    await lab.until('the finding', async () => (await lab.api('/api/v1/findings')).body.includes('SLU304'));
    expect((await lab.get('https://secure.test/')).certificate).toBe('secure.test');
    await lab.remove('rotate.yaml');
    await lab.until('the end', async () => (await lab.get('http://rotate.test/')).status === 404);
    expect(await lab.reloads()).toBe(0);
  });
});
