import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from './certificate.ts';
import { Lab } from './lab.ts';
import { ingress, service, tlsSecret } from './manifest.ts';
import { EchoBackend, headersOf, rawRequest } from './raw-http.ts';

const PLAIN = ['host', 'cdn-loop', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto'];
const SET = [...PLAIN, 'x-real-ip', 'x-request-id'].sort();

interface Seen {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

function files(port: number): Readonly<Record<string, string>> {
  return {
    'web.yaml':
      service('web', [port]) +
      ingress('web', 'p.test', { '/': 'web' }) +
      tlsSecret('tls', makeCertificate('tls.test', ['tls.test'])) +
      ingress('tls', 'tls.test', { '/': 'web' }, 'tls'),
  };
}

async function ask(lab: Lab, headers: readonly string[], host = 'p.test'): Promise<Seen> {
  const lines = [`GET / HTTP/1.1`, `Host: ${host}`, ...headers, '', ''];
  const { status, body } = await rawRequest(lab.httpPort, lines.join('\r\n'));
  return { status, headers: headersOf(body) };
}

describe('a client whom nobody has named as trusted', () => {
  let backend: EchoBackend;
  let lab: Lab;

  beforeAll(async () => {
    backend = await EchoBackend.start();
    lab = await Lab.create(files(backend.port));
  });

  afterAll(async () => {
    await lab.stop();
    await backend.stop();
  });

  it.each([
    'Forwarded: for=6.6.6.6;host=evil;proto=https',
    'X-Forwarded: 6.6.6.6',
    'Forwarded-For: 6.6.6.6',
    'X-Forwarded-For: 6.6.6.6',
    'X-Forwarded-Prefix: /admin',
    'X-Forwarded-Client-Cert: By=evil',
    'CloudFront-Forwarded-Proto: https',
    'X-Original-URL: /admin',
    'X-Original-Forwarded-For: 6.6.6.6',
    'X-Rewrite-URL: /admin',
    'X-Real-IP: 6.6.6.6',
    'X-Client-IP: 6.6.6.6',
    'X-Cluster-Client-IP: 6.6.6.6',
    'True-Client-IP: 6.6.6.6',
    'CF-Connecting-IP: 6.6.6.6',
    'CF-Connecting-IPv6: 2001:db8::6',
    'Fastly-Client-IP: 6.6.6.6',
    'WL-Proxy-Client-IP: 6.6.6.6',
    'X-Remote-Addr: 6.6.6.6',
    'X-Envoy-External-Address: 6.6.6.6',
    'X-Scheme: https',
    'X-Url-Scheme: https',
    'Front-End-Https: on',
    'X-Client-Cert: evil',
    'Ssl-Client-Verify: SUCCESS',
    'X-SSL-Client-CN: evil',
    'Proxy: http://evil.test',
    'Proxy-Connection: keep-alive',
    'X-Request-ID: forged',
  ])('has no say by %s, nor by another spelling that CGI takes for it', async (header) => {
    const [name = '', value = ''] = header.split(': ');
    for (const spelling of [name, name.toUpperCase(), name.replaceAll('-', '_'), name.replaceAll('-', '.')]) {
      const { status, headers } = await ask(lab, [`${spelling}: ${value}`]);
      expect(status).toBe(200);
      expect(Object.keys(headers).sort(), spelling).toEqual(SET);
      expect(Object.values(headers).join(), spelling).not.toContain(value);
    }
  });

  it('is described by what is known of it', async () => {
    const { headers } = await ask(lab, []);
    expect(headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'p.test',
      'x-forwarded-port': '80',
      'x-forwarded-proto': 'http',
      'x-real-ip': '127.0.0.1',
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it('keeps all other headers, whatever characters are in their names', async () => {
    const kept = ['api_key: 1', 'x.dot: 2', 'my_app.token-bin: 3', 'x-client-version: 4', 'x-http-method-override: 5'];
    const { headers } = await ask(lab, kept);
    expect(headers).toMatchObject(Object.fromEntries(kept.map((header) => header.split(': '))));
  });

  it('cannot frame its message by a name that CGI takes for Content-Length or Transfer-Encoding', async () => {
    const { headers } = await ask(lab, ['Content_Length: 5', 'Transfer_Encoding: chunked', 'Content.Type: x']);
    expect(Object.keys(headers).sort()).toEqual(SET);
  });

  it.each([
    ['p.test:8080', '8080'],
    ['P.test', '80'],
    ['p.test:80', '80'],
  ])('that asks for %s is said to have come to port %s', async (host, port) => {
    expect((await ask(lab, [], host)).headers).toMatchObject({ 'x-forwarded-port': port });
  });

  it('that comes by TLS to no port that it names has come to 443', async () => {
    const answer = await lab.get('https://tls.test/');
    expect(headersOf(answer.body)).toMatchObject({ 'x-forwarded-port': '443', 'x-forwarded-proto': 'https' });
    const named = await lab.get('https://tls.test/', { host: 'tls.test:9443' });
    expect(headersOf(named.body)).toMatchObject({ 'x-forwarded-port': '9443' });
  });

  it('cannot have the next proxy drop what is said of it', async () => {
    const nominated = 'Connection: close, x-forwarded-for, X-Real-IP, authorization';
    const { headers } = await ask(lab, [nominated, 'Authorization: a']);
    expect(headers).toMatchObject({ 'x-real-ip': '127.0.0.1', authorization: 'a' });
    expect(headers).not.toHaveProperty('connection');
    const upgrade = await ask(lab, ['Connection: Upgrade, X-Real-IP', 'Upgrade: echo']);
    expect(upgrade.headers).toMatchObject({ connection: 'upgrade', upgrade: 'echo' });
  });
});

describe('a proxy that is trusted', () => {
  let backend: EchoBackend;
  let lab: Lab;

  beforeAll(async () => {
    backend = await EchoBackend.start();
    lab = await Lab.create(files(backend.port), ['--trusted-proxies', '127.0.0.0/8,192.0.2.0/24,2001:db8:1::/48']);
  });

  afterAll(async () => {
    await lab.stop();
    await backend.stop();
  });

  /** The client in the latest line of the log. */
  async function logged(count: number): Promise<string> {
    const lines = (): readonly string[] => lab.output.split('\n').filter((line) => line.includes('"log":"access"'));
    await lab.until('the line', () => Promise.resolve(lines().length > count));
    return (JSON.parse(lines().at(-1) ?? '') as { readonly client: string }).client;
  }

  it.each([
    ['an address', ['198.51.100.7'], '198.51.100.7'],
    ['an address with a port', ['198.51.100.7:51000'], '198.51.100.7'],
    ['an IPv6 address', ['2001:db8::7'], '2001:db8::7'],
    ['one in brackets', ['[2001:db8::7]'], '2001:db8::7'],
    ['one in brackets with a port', ['6.6.6.6, [2001:db8::7]:51000'], '2001:db8::7'],
    ['what a client forged before it', ['6.6.6.6, 198.51.100.7'], '198.51.100.7'],
    ['a chain of trusted proxies', ['6.6.6.6, 198.51.100.7, 192.0.2.1', '192.0.2.2:443,2001:db8:1::1'], '198.51.100.7'],
    ['only trusted proxies', ['192.0.2.1, 192.0.2.2'], '192.0.2.1'],
    ['no address', ['unknown'], '127.0.0.1'],
    ['no address in the middle', ['6.6.6.6, unknown, 192.0.2.9'], '192.0.2.9'],
    ['nothing', [''], '127.0.0.1'],
    ['more hops than are looked at', [`6.6.6.6, ${'192.0.2.3, '.repeat(9)}192.0.2.4`], '192.0.2.3'],
  ])('says who the client is: %s', async (_, values, client) => {
    const count = lab.output.split('"log":"access"').length - 1;
    const { headers } = await ask(
      lab,
      values.map((value) => `X-Forwarded-For: ${value}`),
    );
    expect(headers['x-real-ip']).toBe(client);
    expect(headers['x-forwarded-for']?.endsWith('127.0.0.1')).toBe(true);
    expect(await logged(count)).toBe(client);
  });

  it('may say it by X-Real-IP alone', async () => {
    const { headers } = await ask(lab, ['X-Real-IP: 198.51.100.9:1234']);
    expect(headers).toMatchObject({ 'x-real-ip': '198.51.100.9', 'x-forwarded-for': '127.0.0.1' });
    expect((await ask(lab, ['X-Real-IP: junk'])).headers['x-real-ip']).toBe('127.0.0.1');
  });

  it.each([
    ['the scheme alone', ['X-Forwarded-Proto: https'], 'p.test', 'https', '443'],
    ['plain HTTP', ['X-Forwarded-Proto: http'], 'p.test', 'http', '80'],
    ['the port', ['X-Forwarded-Proto: https', 'X-Forwarded-Port: 9443'], 'p.test', 'https', '9443'],
    ['a WebSocket', ['X-Forwarded-Proto: wss'], 'p.test', 'https', '443'],
    ['capitals', ['X-Forwarded-Proto: HTTPS'], 'p.test', 'https', '443'],
    ['a plain WebSocket', ['X-Forwarded-Proto: WS'], 'p.test', 'http', '80'],
    ['the schemes of two proxies', ['X-Forwarded-Proto: https, http'], 'p.test', 'https', '443'],
    ['another scheme', ['X-Forwarded-Proto: gopher'], 'p.test', 'http', '80'],
    ['nothing, and a port in Host', [], 'p.test:8080', 'http', '8080'],
    ['nothing', [], 'p.test', 'http', '80'],
  ])('says how the client came: %s', async (_, headers, host, proto, port) => {
    expect((await ask(lab, headers, host)).headers).toMatchObject({
      'x-forwarded-proto': proto,
      'x-forwarded-port': port,
    });
  });

  it.each(['https', 'wss', 'WSS', 'HTTPS'])('that took a request by %s is not sent away to HTTPS', async (scheme) => {
    expect((await ask(lab, [`X-Forwarded-Proto: ${scheme}`], 'tls.test')).status).toBe(200);
  });

  it.each(['http', 'ws', 'gopher', ''])('that took a request by "%s" is sent to HTTPS', async (scheme) => {
    expect((await ask(lab, [`X-Forwarded-Proto: ${scheme}`], 'tls.test')).status).toBe(308);
  });

  it('keeps what it says otherwise, but no spelling that CGI takes for it', async () => {
    const said = ['X-Forwarded-Host: w.test', 'X-Request-ID: abc', 'Forwarded: for=198.51.100.7', 'X-Original-URL: /a'];
    const { headers } = await ask(lab, [...said, 'X_Forwarded_For: 6.6.6.6', 'X-Real.IP: 6.6.6.6']);
    expect(headers).toMatchObject({
      'x-forwarded-host': 'w.test',
      'x-request-id': 'abc',
      forwarded: 'for=198.51.100.7',
      'x-original-url': '/a',
    });
    expect(Object.values(headers).join()).not.toContain('6.6.6.6');
  });
});

describe('a balancer that speaks the PROXY protocol', () => {
  let backend: EchoBackend;
  let lab: Lab;

  beforeAll(async () => {
    backend = await EchoBackend.start();
    lab = await Lab.create(files(backend.port), ['--proxy-protocol', '127.0.0.0/8']);
  });

  afterAll(async () => {
    await lab.stop();
    await backend.stop();
  });

  const request = 'GET / HTTP/1.1\r\nHost: p.test\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n';

  it('says who the client is, who has no say itself', async () => {
    const { body } = await rawRequest(lab.httpPort, `PROXY TCP4 198.51.100.7 192.0.2.1 51000 80\r\n${request}`);
    expect(headersOf(body)).toMatchObject({ 'x-real-ip': '198.51.100.7', 'x-forwarded-for': '198.51.100.7' });
    await lab.until('the line', () => Promise.resolve(lab.output.includes('"client":"198.51.100.7"')));
  });

  it('is not believed without its header, and the log says so', async () => {
    expect((await rawRequest(lab.httpPort, request)).status).toBe(0);
    await lab.until('the reason', () => Promise.resolve(lab.output.includes('"reason":"proxy-protocol-failed"')));
  });

  it('names the client of a request that cannot be read', async () => {
    const { status } = await rawRequest(lab.httpPort, 'PROXY TCP4 198.51.100.8 192.0.2.1 51000 80\r\nnonsense\r\n\r\n');
    expect(status).toBe(400);
    await lab.until('the line', () => Promise.resolve(/"client":"198.51.100.8".*"bad-request"/.test(lab.output)));
  });
});
