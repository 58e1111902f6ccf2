import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from './certificate.ts';
import { findAioquic } from './http3/aioquic.ts';
import { Http3Connection } from './http3/connection.ts';
import { Backend, Lab } from './lab.ts';
import { ingress, service, tlsSecret } from './manifest.ts';

const aioquic = await findAioquic();
const withoutClient = aioquic === undefined ? ' (skipped: python3 has no aioquic; run scripts/setup.sh --test)' : '';

describe.skipIf(aioquic === undefined)(`HTTP/3 with a client that is not HAProxy's${withoutClient}`, () => {
  const shop = makeCertificate('shop', ['shop.test']);
  const wild = makeCertificate('wild', ['*.wild.test']);
  let one: Backend;
  let two: Backend;
  let lab: Lab;
  const open: Http3Connection[] = [];

  async function connect(serverName: string, certificate: string): Promise<Http3Connection> {
    const connection = await Http3Connection.open(aioquic ?? {}, lab.httpsPort, serverName, certificate);
    open.push(connection);
    return connection;
  }

  beforeAll(async () => {
    one = await Backend.start('one');
    two = await Backend.start('two');
    lab = await Lab.create(
      {
        'services.yaml': service('one', [one.port]) + service('two', [two.port]),
        'shop.yaml': tlsSecret('shop', shop) + ingress('shop', 'shop.test', { '/': 'one', '/cart': 'two' }, 'shop'),
        'wild.yaml': tlsSecret('wild', wild) + ingress('wild', '*.wild.test', { '/': 'two' }, 'wild'),
      },
      ['--http3'],
    );
  });

  afterAll(async () => {
    await Promise.all(open.map((connection) => connection.close()));
    await lab.stop();
    await one.stop();
    await two.stop();
  });

  it('is announced to clients that came over TCP', async () => {
    const { headers } = await lab.get('https://shop.test/');
    expect(headers['alt-svc']).toBe(`h3=":${String(lab.httpsPort)}"; ma=86400`);
  });

  it('routes by host and path', async () => {
    const connection = await connect('shop.test', shop.certificate);
    const answers = [];
    for (const path of ['/', '/cart/1?a=b', '/cartoon']) {
      const { status, body } = await connection.request({ path });
      const { name, url } = JSON.parse(body) as { readonly name: string; readonly url: string };
      answers.push([status, name, url]);
    }
    expect(answers).toEqual([
      [200, 'one', '/'],
      [200, 'two', '/cart/1?a=b'],
      [200, 'one', '/cartoon'],
    ]);
    expect((await connection.request({ path: '/', authority: 'nobody.test' })).status).toBe(404);
  });

  it('tells the backend of the scheme, and takes a body', async () => {
    const connection = await connect('shop.test', shop.certificate);
    const { body } = await connection.request({ path: '/', method: 'POST', body: 'x'.repeat(100_000) });
    expect(JSON.parse(body)).toMatchObject({
      headers: { host: 'shop.test', 'x-forwarded-proto': 'https', 'x-forwarded-for': '127.0.0.1' },
    });
  });

  it('shows the certificate of the host', async () => {
    expect((await (await connect('a.wild.test', wild.certificate)).request({ path: '/' })).status).toBe(200);
    await expect(connect('a.wild.test', shop.certificate)).rejects.toThrow('Error');
  });

  it('takes a new route on an open connection, and a new certificate on a new one, without a reload', async () => {
    const connection = await connect('shop.test', shop.certificate);
    expect((await connection.request({ path: '/', authority: 'late.test' })).status).toBe(404);
    const first = makeCertificate('late', ['late.test']);
    const second = makeCertificate('later', ['late.test']);
    const route = ingress('late', 'late.test', { '/': 'two' }, 'late');
    await lab.write('late.yaml', tlsSecret('late', first) + route);
    await lab.until(
      'the route',
      async () => (await connection.request({ path: '/', authority: 'late.test' })).status === 200,
    );
    const before = await connect('late.test', first.certificate);
    await lab.write('late.yaml', tlsSecret('late', second) + route);
    await lab.until('the second certificate', async () => {
      await connect('late.test', second.certificate);
      return true;
    });
    await expect(connect('late.test', first.certificate)).rejects.toThrow('Error');
    // The connection that was made with the first certificate goes on.
    expect((await before.request({ path: '/' })).status).toBe(200);
    expect(await lab.reloads()).toBe(0);
  });

  it('lets a request end while another HAProxy takes over, which serves new connections', async () => {
    const connection = await connect('shop.test', shop.certificate);
    const arrived = once(one.server, 'request');
    const slow = connection.request({ path: '/slow?delay=3000' });
    await arrived;
    const before = await lab.enginePid();
    await lab.signal('SIGKILL');
    await lab.start();
    await lab.until('another process', async () => (await lab.enginePid()) !== before);
    const next = await connect('shop.test', shop.certificate);
    expect((await next.request({ path: '/' })).status).toBe(200);
    expect((await slow).status).toBe(200);
  });

  it('says so in the access log', async () => {
    await (await connect('shop.test', shop.certificate)).request({ path: '/logged' });
    await lab.until('the line', () =>
      Promise.resolve(
        lab.output.split('\n').some((line) => line.includes('"/logged"') && line.includes('"version":"HTTP/3.0"')),
      ),
    );
  });
});
