import { once } from 'node:events';
import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate, makeDatedCertificate, type CertificatePem } from './certificate.ts';
import { Backend, Lab } from './lab.ts';
import { ingress, opaqueSecret, service, tlsSecret } from './manifest.ts';

function entriesOf({ certificate, key }: CertificatePem): Readonly<Record<string, string>> {
  return { 'tls.crt': certificate, 'tls.key': key };
}

interface Row {
  readonly code: string;
  readonly object: string;
}

describe('certificates', () => {
  const good = makeCertificate('good', ['good.test']);
  let backend: Backend;
  let lab: Lab;

  beforeAll(async () => {
    backend = await Backend.start('web');
    lab = await Lab.create(
      {
        'web.yaml': service('web', [backend.port]),
        'good.yaml': tlsSecret('good', good) + ingress('good', 'good.test', { '/': 'web' }, 'good'),
        'default.yaml': tlsSecret('default', makeCertificate('default-1', ['default.test'])),
      },
      ['--default-ssl-certificate', 'default/default'],
    );
  });

  afterAll(async () => {
    await lab.stop();
    await backend.stop();
  });

  /** The common name of the certificate that is shown for a host. */
  async function shownFor(host: string): Promise<string> {
    return (await lab.get(`https://${host}/`)).certificate;
  }

  async function codesOf(object: string): Promise<readonly string[]> {
    const { items } = JSON.parse((await lab.api('/api/v1/findings')).body) as { readonly items: readonly Row[] };
    return items.filter((item) => item.object === `default/${object}`).map((item) => item.code);
  }

  async function write(name: string, host: string, secret: string): Promise<void> {
    await lab.write(`${name}.yaml`, secret + ingress(name, host, { '/': 'web' }, name));
    await lab.until('the route', async () => (await lab.get(`https://${host}/`)).status === 200);
  }

  const served: readonly (readonly [
    name: string,
    host: string,
    make: () => CertificatePem | Promise<CertificatePem>,
    codes: string[],
  ])[] = [
    ['with a common name alone', 'cn.test', () => makeCertificate('cn.test', []), ['SLU307']],
    ['that has expired', 'late.test', () => makeDatedCertificate('late.test', '2019-01-01', '2020-01-01'), ['SLU305']],
    [
      'that is not yet valid',
      'soon.test',
      () => makeDatedCertificate('soon.test', '2199-01-01', '2200-01-01'),
      ['SLU305'],
    ],
    ['for another host', 'mine.test', () => makeCertificate('mine.test', ['yours.test']), ['SLU306']],
    ['with an RSA key', 'rsa.test', () => makeCertificate('rsa.test', ['rsa.test'], { algorithm: 'rsa' }), []],
    ['with an ECDSA key', 'ec.test', () => makeCertificate('ec.test', ['ec.test']), []],
    ['for all below a name', 'a.wild.test', () => makeCertificate('a.wild.test', ['*.wild.test']), []],
    ['too far above', 'a.b.wild.test', () => makeCertificate('a.b.wild.test', ['*.wild.test']), ['SLU306']],
  ];

  it.each(served)(
    'a certificate %s is served, and %s has the Findings that it deserves',
    async (_, host, make, codes) => {
      const name = host.replaceAll('.', '-');
      await write(name, host, tlsSecret(name, await make()));
      expect([await shownFor(host), await codesOf(name)]).toEqual([host, codes]);
      expect(await lab.reloads()).toBe(0);
    },
  );

  it('serves a Secret of type Opaque', async () => {
    await write('opaque', 'opaque.test', opaqueSecret('opaque', entriesOf(makeCertificate('opaque', ['opaque.test']))));
    expect([await shownFor('opaque.test'), await codesOf('opaque')]).toEqual(['opaque', []]);
  });

  it('serves a wildcard host for one label, and neither for two nor for none', async () => {
    const pem = makeCertificate('star', ['*.star.test']);
    await lab.write('star.yaml', tlsSecret('star', pem) + ingress('star', '*.star.test', { '/': 'web' }, 'star'));
    await lab.until('the route', async () => (await lab.get('https://a.star.test/')).status === 200);
    expect(await Promise.all(['a.star.test', 'B.STAR.test', 'a.b.star.test', 'star.test'].map(shownFor))).toEqual([
      'star',
      'star',
      'default-1',
      'default-1',
    ]);
  });

  it('routes a host with a certificate but no rules of its own as the wildcard above it is, and others by default', async () => {
    const pem = makeCertificate('single', ['single.below.test', 'alone.test']);
    const hosts = 'hosts: [single.below.test, alone.test]';
    const rules = ingress('below', '*.below.test', { '/': 'web' }, 'single').replace(/hosts: \[[^\]]*\]/, hosts);
    await lab.write('below.yaml', tlsSecret('single', pem) + rules);
    await lab.until('the certificate', async () => (await shownFor('single.below.test')) === 'single');
    expect((await lab.get('https://single.below.test/')).status).toBe(200);
    expect((await lab.get('https://alone.test/')).status).toBe(404);
    const plain = async (host: string): Promise<number> => (await lab.get(`http://${host}/`)).status;
    expect([await plain('single.below.test'), await plain('other.below.test')]).toEqual([308, 200]);
    const fallback = 'defaultBackend: { service: { name: web, port: { number: 80 } } }\n  rules:';
    await lab.write('below.yaml', tlsSecret('single', pem) + rules.replace('rules:', fallback));
    await lab.until('the default', async () => (await lab.get('https://alone.test/')).status === 200);
    expect(await shownFor('alone.test')).toBe('single');
    expect([await plain('alone.test'), await plain('nobodys.test')]).toEqual([308, 200]);
    // A default backend would answer for the hosts of the tests that follow before they are there.
    await lab.remove('below.yaml');
    await lab.until('none', async () => (await lab.get('https://alone.test/')).status === 404);
  });

  const broken: readonly (readonly [name: string, secret: () => string, code: string])[] = [
    ['garbage', () => tlsSecret('bad', { certificate: 'nothing', key: 'at all' }), 'SLU303'],
    [
      'torn',
      () => tlsSecret('bad', { certificate: good.certificate.slice(0, 200), key: good.key.slice(0, 60) }),
      'SLU303',
    ],
    [
      'a key with a passphrase',
      () => tlsSecret('bad', makeCertificate('bad', ['bad.test'], { passphrase: 'x' })),
      'SLU303',
    ],
    [
      'another key',
      () => tlsSecret('bad', { certificate: good.certificate, key: makeCertificate('bad', ['bad.test']).key }),
      'SLU304',
    ],
    ['no key', () => opaqueSecret('bad', { 'tls.crt': good.certificate }), 'SLU302'],
    ['no Secret', () => '', 'SLU301'],
  ];

  it.each(broken)(
    '%s at first: its host gets the default certificate, and no other is harmed',
    async (_, secret, code) => {
      await write('bad', 'bad.test', secret());
      await lab.until('the Finding', async () => (await codesOf('bad')).includes(code));
      expect(await Promise.all(['bad.test', 'good.test'].map(shownFor))).toEqual(['default-1', 'good']);
      expect([await codesOf('bad'), await codesOf('good')]).toEqual([[code], []]);
      expect(await lab.reloads()).toBe(0);
      await lab.remove('bad.yaml');
      await lab.until('it to be gone', async () => (await lab.get('https://bad.test/')).status === 404);
    },
  );

  it('rotates the default certificate, keeps it when its Secret breaks, and has its own without one', async () => {
    expect(await shownFor('nobody.test')).toBe('default-1');
    await lab.write('default.yaml', tlsSecret('default', makeCertificate('default-2', ['default.test'])));
    await lab.until('the second', async () => (await shownFor('nobody.test')) === 'default-2');
    await lab.write('default.yaml', tlsSecret('default', { certificate: 'nothing', key: 'at all' }));
    await lab.until('the Finding', async () => (await codesOf('default')).includes('SLU303'));
    expect(await Promise.all(['nobody.test', 'good.test'].map(shownFor))).toEqual(['default-2', 'good']);
    await lab.remove('default.yaml');
    await lab.until('its own', async () => (await shownFor('nobody.test')) === 'Sluice default certificate');
    await lab.write('default.yaml', tlsSecret('default', makeCertificate('default-1', ['default.test'])));
    await lab.until('the first again', async () => (await shownFor('nobody.test')) === 'default-1');
    expect(await lab.reloads()).toBe(0);
  });

  it('changes a certificate for new handshakes, while an open connection goes on with the old one', async () => {
    const route = ingress('open', 'open.test', { '/': 'web' }, 'open');
    await write('open', 'open.test', tlsSecret('open', makeCertificate('open-1', ['open.test'])));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = async (): Promise<readonly [status: number | undefined, name: string, reused: boolean]> => {
      const options = { host: '127.0.0.1', port: lab.httpsPort, servername: 'open.test', rejectUnauthorized: false };
      const outgoing = request({ ...options, headers: { host: 'open.test' }, agent });
      outgoing.end();
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      const name = String((response.socket as TLSSocket).getPeerCertificate().subject.CN);
      response.resume();
      await once(response, 'end');
      return [response.statusCode, name, outgoing.reusedSocket];
    };
    expect(await ask()).toEqual([200, 'open-1', false]);
    await lab.write(
      'open.yaml',
      tlsSecret('open', makeCertificate('open-2', ['open.test'], { algorithm: 'rsa' })) + route,
    );
    await lab.until('the second', async () => (await shownFor('open.test')) === 'open-2');
    expect(await ask()).toEqual([200, 'open-1', true]);
    agent.destroy();
    expect(await lab.reloads()).toBe(0);
  });

  it('fails no handshake while a certificate is changed again and again', async () => {
    const route = ingress('changed', 'changed.test', { '/': 'web' }, 'changed');
    const versions = ['changed-1', 'changed-2'] as const;
    const files = versions.map((name) => tlsSecret('changed', makeCertificate(name, ['changed.test'])) + route);
    const [first = '', second = ''] = files;
    await lab.write('changed.yaml', first);
    await lab.until('the first', async () => (await shownFor('changed.test')) === versions[0]);
    let isDone = false;
    const shown = new Map<string, number>();
    const shake = async (): Promise<void> => {
      while (!isDone) {
        // Each on a connection of its own.
        const name = await shownFor('changed.test').catch((error: unknown) => String(error));
        shown.set(name, (shown.get(name) ?? 0) + 1);
      }
    };
    const shaking = Array.from({ length: 8 }, shake);
    for (let round = 0; round < 10; round += 1) {
      await lab.write('changed.yaml', round % 2 === 0 ? second : first);
      const wanted = versions[round % 2 === 0 ? 1 : 0];
      await lab.until(wanted, async () => (await shownFor('changed.test')) === wanted);
    }
    isDone = true;
    await Promise.all(shaking);
    expect([...shown.keys()].toSorted()).toEqual(versions);
    expect(await lab.reloads()).toBe(0);
  });

  it.each([
    ['TLSv1', 'refused'],
    ['TLSv1.1', 'refused'],
    ['TLSv1.2', 'TLSv1.2'],
    ['TLSv1.3', 'TLSv1.3'],
  ] as const)('%s is %s', async (version, outcome) => {
    expect(await handshake({ version })).toMatchObject({ outcome });
  });

  it.each([
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [undefined, false],
  ] as const)('offered %s by ALPN, it chooses %s', async (offered, chosen) => {
    expect(await handshake({ version: 'TLSv1.3', offered })).toMatchObject({ alpn: chosen });
  });

  interface Handshake {
    readonly version: SecureVersion;
    readonly offered?: readonly string[] | undefined;
  }

  function handshake({ version, offered }: Handshake): Promise<{ readonly outcome: string; readonly alpn: unknown }> {
    return new Promise((resolve) => {
      const socket = connect({
        host: '127.0.0.1',
        port: lab.httpsPort,
        servername: 'good.test',
        ca: good.certificate,
        minVersion: version,
        maxVersion: version,
        // OpenSSL's default security level refuses the old versions on our side, before HAProxy could.
        ciphers: 'DEFAULT@SECLEVEL=0',
        ...(offered === undefined ? {} : { ALPNProtocols: [...offered] }),
      });
      socket.on('secureConnect', () => {
        resolve({ outcome: String(socket.getProtocol()), alpn: socket.alpnProtocol });
        socket.destroy();
      });
      socket.on('error', (error: Error) => {
        const isAlert = 'code' in error && String(error.code).includes('ALERT_PROTOCOL_VERSION');
        resolve({ outcome: isAlert ? 'refused' : error.message, alpn: undefined });
      });
    });
  }
});
