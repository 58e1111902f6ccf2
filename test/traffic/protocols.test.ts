import { once } from 'node:events';
import { createServer as createHttp2Server, connect as connectHttp2, type Http2Server } from 'node:http2';
import { request } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from './certificate.ts';
import { Backend, freePort, Lab } from './lab.ts';
import { ingress, service, tlsSecret } from './manifest.ts';

/** More than HAProxy takes on one line. */
const manyRanges = Array.from({ length: 120 }, (_, n) => `198.51.${String(n)}.0/24`);

describe('protocols and proxies in front', () => {
  let backend: Backend;
  let h2c: Http2Server;
  let secure: HttpsServer;
  let lab: Lab;

  beforeAll(async () => {
    backend = await Backend.start('web');
    h2c = createHttp2Server((incoming, outgoing) => {
      outgoing.setHeader('x-seen-version', incoming.httpVersion);
      outgoing.end('grpc');
    });
    const port = await freePort();
    h2c.listen(port, '127.0.0.1');
    await once(h2c, 'listening');
    const { certificate, key } = makeCertificate('backend', []);
    secure = createHttpsServer({ cert: certificate, key }, (incoming, outgoing) => {
      outgoing.end(`${incoming.headers['x-forwarded-proto'] as string} over TLS`);
    });
    const securePort = await freePort();
    secure.listen(securePort, '127.0.0.1');
    await once(secure, 'listening');
    lab = await Lab.create(
      {
        'https.yaml':
          service('secure', [securePort], ', appProtocol: https') + ingress('secure', 'secure.test', { '/': 'secure' }),
        'web.yaml':
          service('web', [backend.port]) +
          tlsSecret('tls', makeCertificate('tls.test', ['tls.test'])) +
          ingress('web', 'web.test', { '/': 'web' }) +
          ingress('tls', 'tls.test', { '/': 'web' }, 'tls') +
          service('grpc', [port], ', appProtocol: kubernetes.io/h2c') +
          ingress('grpc', 'grpc.test', { '/': 'grpc' }),
        'regex.yaml': `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: regex, annotations: { nginx.ingress.kubernetes.io/use-regex: "true" } }
spec:
  rules:
    - host: regex.test
      http:
        paths:
          - { path: "/v[0-9]+/items", pathType: ImplementationSpecific, backend: { service: { name: web, port: { number: 80 } } } }
`,
      },
      ['--trusted-proxies', [...manyRanges, '127.0.0.0/8'].join(',')],
    );
  });

  afterAll(async () => {
    await lab.stop();
    await backend.stop();
    h2c.close();
    secure.closeAllConnections();
    secure.close();
  });

  it('speaks TLS to a Service that says https, whatever its certificate, at run time and from a checkpoint', async () => {
    const answer = async (): Promise<unknown> => {
      const { status, body } = await lab.get('http://secure.test/');
      return [status, body];
    };
    expect(await answer()).toEqual([200, 'http over TLS']);
    const { port } = secure.address() as AddressInfo;
    await lab.write(
      'later.yaml',
      service('later', [port], ', appProtocol: kubernetes.io/wss') + ingress('later', 'later.test', { '/': 'later' }),
    );
    await lab.until('the later one', async () => (await lab.get('http://later.test/')).status === 200);
    expect(await lab.reloads()).toBe(0);
    // A change of the protocol is a change of the backend.
    await lab.write(
      'https.yaml',
      service('secure', [backend.port]) + ingress('secure', 'secure.test', { '/': 'secure' }),
    );
    await lab.until('plain HTTP', async () => (await lab.get('http://secure.test/')).body.includes('"web"'));
  });

  it('speaks HTTP/2 without TLS to an h2c Service', async () => {
    const { status, headers, body } = await lab.get('http://grpc.test/');
    expect([status, headers['x-seen-version'], body]).toEqual([200, '2.0', 'grpc']);
  });

  it('offers HTTP/2 to TLS clients', async () => {
    const session = connectHttp2(`https://127.0.0.1:${String(lab.httpsPort)}`, {
      servername: 'tls.test',
      rejectUnauthorized: false,
    });
    const stream = session.request({ ':path': '/', ':authority': 'tls.test' });
    const [headers] = (await once(stream, 'response')) as [Readonly<Record<string, unknown>>];
    expect([session.alpnProtocol, headers[':status']]).toEqual(['h2', 200]);
    session.destroy();
  });

  it('believes a trusted proxy, and does not redirect what it took over HTTPS', async () => {
    const { status, body } = await lab.get('http://tls.test/', {
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '203.0.113.7',
    });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({
      headers: {
        'x-forwarded-proto': 'https',
        'x-forwarded-for': '203.0.113.7, 127.0.0.1',
        'x-real-ip': '203.0.113.7',
      },
    });
    expect((await lab.get('http://tls.test/')).status).toBe(308);
  });

  it('routes by regular expression where the Ingress asks for it', async () => {
    expect((await lab.get('http://regex.test/v12/items')).status).toBe(200);
    expect((await lab.get('http://regex.test/vx/items')).status).toBe(404);
    await lab.write('regex.yaml', '');
    await lab.until('it to go', async () => (await lab.get('http://regex.test/v12/items')).status === 404);
    expect(await lab.reloads()).toBe(0);
  });

  it('lets no regular expression take a longer prefix away from another Ingress', async () => {
    const all = ingress('all', 'shared.test', { '/(.*)': 'web' })
      .replace('pathType: Prefix', 'pathType: ImplementationSpecific')
      .replace('name: all', 'name: all, annotations: { nginx.ingress.kubernetes.io/use-regex: "true" }');
    await lab.write('shared.yaml', all + ingress('team', 'shared.test', { '/team': 'grpc', '=/exact': 'grpc' }));
    await lab.until('the routes', async () => (await lab.get('http://shared.test/')).status === 200);
    const bodies: string[] = [];
    for (const path of ['/team', '/team/x', '/exact']) bodies.push((await lab.get(`http://shared.test${path}`)).body);
    expect(bodies).toEqual(['grpc', 'grpc', 'grpc']);
    expect((await lab.get('http://shared.test/teams')).body).not.toBe('grpc');
    expect(await lab.reloads()).toBe(0);
  });

  it('passes a large upload through', async () => {
    const megabyte = Buffer.alloc(1024 * 1024, 'x');
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const upload = request({
        host: '127.0.0.1',
        port: lab.httpPort,
        method: 'PUT',
        path: '/',
        headers: { host: 'web.test' },
      });
      upload.on('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      upload.on('error', reject);
      let left = 64;
      const push = (): void => {
        while (left > 0) {
          left -= 1;
          if (!upload.write(megabyte)) {
            upload.once('drain', push);
            return;
          }
        }
        upload.end();
      };
      push();
    });
    expect(status).toBe(200);
  });
});
