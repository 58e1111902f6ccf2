import { getEventListeners } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { everything } from '../../test/fakes/apiserver/access.ts';
import { FakeApiServer, type FakeApiServerOptions } from '../../test/fakes/apiserver/apiserver.ts';
import { Authority } from '../../test/fakes/apiserver/certificates.ts';
import { until } from '../../test/fakes/reflection-lab.ts';
import { CachedFile } from '../lib/cached-file.ts';
import type { KubeConfig } from './config.ts';
import { MaterialCredentials, type CredentialMaterial } from './credentials.ts';
import { Transport, type StreamRequest } from './transport.ts';

let server: FakeApiServer;
const opened: Transport[] = [];

const path = '/api/v1/namespaces/default/configmaps';
const watch: StreamRequest = { path: '/api/v1/configmaps', query: { watch: true }, lifetimeMs: 60_000 };

async function serve(options: FakeApiServerOptions = {}): Promise<void> {
  await server.close();
  server = await FakeApiServer.start(options);
}

function connect(more: Partial<KubeConfig> = {}): Transport {
  const transport = new Transport({ ...server.config(), ...more }, 'transport-test/1');
  opened.push(transport);
  return transport;
}

function as(material: CredentialMaterial): Partial<KubeConfig> {
  const authority = server.authority === undefined ? undefined : { text: server.authority.certificate };
  return { credentials: new MaterialCredentials({ authority, ...material }) };
}

async function readAll(stream: AsyncIterable<unknown>): Promise<readonly unknown[]> {
  const values: unknown[] = [];
  for await (const value of stream) values.push(value);
  return values;
}

/** Timers that keep the process alive. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
}

function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );
}

beforeEach(async () => {
  server = await FakeApiServer.start();
});
afterEach(async () => {
  for (const transport of opened.splice(0)) transport.close();
  await until(() => expect(server.connections, 'connections left open').toBe(0));
  await server.close();
});

describe('Transport.request', () => {
  it('speaks JSON in both directions, under its own name', async () => {
    const transport = connect();
    const body = { metadata: { name: 'greeting' }, data: { text: 'Grüße\n"quoted"' } };
    await expect(transport.request({ method: 'POST', path, body })).resolves.toMatchObject({ status: 201, body });
    await expect(transport.request({ method: 'GET', path: `${path}/greeting` })).resolves.toMatchObject({
      status: 200,
      body,
    });
    expect(server.requests[0]?.userAgent).toBe('transport-test/1');
  });

  it('sends parameters that need encoding, and leaves undefined ones out', async () => {
    const query = { labelSelector: 'a=b&c, d', limit: undefined, flag: true };
    await connect().request({ method: 'GET', path, query });
    expect(Object.fromEntries(server.requests[0]?.query ?? [])).toEqual({ labelSelector: 'a=b&c, d', flag: 'true' });
  });

  it('keeps one connection for requests that follow each other', async () => {
    const transport = connect();
    for (let round = 0; round < 5; round += 1) await transport.request({ method: 'GET', path });
    expect(server.connections).toBe(1);
  });

  it('asks below the path of the server, where it has one', async () => {
    const seen = Promise.withResolvers<string | undefined>();
    const proxy = http.createServer((request, response) => {
      seen.resolve(request.url);
      response.end();
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    // The address of a listening TCP server is never a string or null.
    const { port } = proxy.address() as AddressInfo;
    const transport = connect({ server: new URL(`http://127.0.0.1:${port}/k8s/clusters/c-1/`) });
    await expect(transport.request({ method: 'GET', path: '/version' })).resolves.toEqual({
      status: 200,
      body: undefined,
    });
    await expect(seen.promise).resolves.toBe('/k8s/clusters/c-1/version');
    transport.close();
    proxy.close();
  });

  it('explains a refusal', async () => {
    const token = server.user('ann', []);
    const fault = await failure(connect(as({ token: { text: token } })).request({ method: 'GET', path }));
    expect(fault).toMatchObject({
      code: 'kube-http-403',
      status: 403,
      denied: { user: 'ann', verb: 'list', namespace: 'default' },
    });
    expect(String(fault)).toContain(`GET ${server.url}${path}`);
    expect(String(fault)).not.toContain(token);
  });

  it('passes on how long the server wants to be left alone', async () => {
    server.faults.add({ trouble: { kind: 'status', status: 503, retryAfterSeconds: 4 } });
    await expect(connect().request({ method: 'GET', path })).rejects.toMatchObject({ status: 503, retryAfterMs: 4000 });
  });

  it('does not take half a document for a whole one', async () => {
    server.faults.add({ trouble: { kind: 'truncate' } });
    await expect(connect().request({ method: 'GET', path })).rejects.toMatchObject({ code: 'kube-malformed-answer' });
  });

  it('says that nobody listens', async () => {
    const transport = connect();
    await server.refuseConnections();
    await expect(transport.request({ method: 'GET', path })).rejects.toMatchObject({
      code: 'kube-unreachable',
      retryable: true,
      message: expect.stringMatching(
        /127\.0\.0\.1:\d+ cannot be reached: the connection was refused.*ECONNREFUSED/,
      ) as string,
    });
  });

  it('gives up on an answer that takes too long', async () => {
    server.faults.add({ trouble: { kind: 'hang' } });
    await expect(connect().request({ method: 'GET', path, timeoutMs: 50 })).rejects.toMatchObject({
      code: 'kube-timeout',
    });
    await until(() => expect(server.connections).toBe(0));
  });

  it('stops with the reason of the signal, before and during a request', async () => {
    const reason = new Error('stop');
    const transport = connect();
    await expect(transport.request({ method: 'GET', path, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(server.requests).toEqual([]);
    server.faults.add({ trouble: { kind: 'hang' } });
    const stopping = new AbortController();
    const running = failure(transport.request({ method: 'GET', path, signal: stopping.signal }));
    await until(() => expect(server.requests).toHaveLength(1));
    stopping.abort(reason);
    await expect(running).resolves.toBe(reason);
    await until(() => expect(server.connections).toBe(0));
  });

  it('repeats a GET, and nothing else, that meets a kept connection which the server has closed', async () => {
    const transport = connect();
    await transport.request({ method: 'GET', path });
    server.faults.add({ trouble: { kind: 'reset' }, times: 1 });
    await expect(transport.request({ method: 'GET', path })).resolves.toMatchObject({ status: 200 });
    expect(server.requests).toHaveLength(3);
    server.faults.add({ trouble: { kind: 'reset' }, times: 1 });
    const created = transport.request({ method: 'POST', path, body: { metadata: { name: 'x' } } });
    await expect(created).rejects.toMatchObject({ code: 'kube-unreachable' });
    expect(server.requests).toHaveLength(4);
  });

  it('does not repeat a GET on a connection that was new', async () => {
    server.faults.add({ trouble: { kind: 'reset' } });
    await expect(connect().request({ method: 'GET', path })).rejects.toMatchObject({ code: 'kube-unreachable' });
    expect(server.requests).toHaveLength(1);
  });
});

describe('Transport with credentials that change', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'transport-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('goes on with the renewed token when the old one has expired, unnoticed by the caller', async () => {
    const file = new CachedFile(join(dir, 'token'), 3_600_000);
    server.access.allow('ann', everything);
    server.access.issue('first', 'ann');
    await writeFile(file.path, 'first');
    const transport = connect(as({ token: { file } }));
    await transport.request({ method: 'GET', path });
    server.access.expire('first');
    server.access.issue('second', 'ann');
    await writeFile(file.path, 'second');
    await expect(transport.request({ method: 'GET', path })).resolves.toMatchObject({ status: 200 });
    const stream = await transport.stream(watch);
    stream.close();
  });

  it('says 401 when there is no newer token, and asks once only', async () => {
    const file = new CachedFile(join(dir, 'token'), 3_600_000);
    await writeFile(file.path, 'unknown');
    const transport = connect(as({ token: { file } }));
    await expect(transport.request({ method: 'GET', path })).rejects.toMatchObject({
      status: 401,
      code: 'kube-http-401',
    });
    expect(server.requests).toHaveLength(1);
  });
});

describe.each([
  ['HTTP/1.1', {}],
  ['HTTP/2', { http2: { maxStreams: 100 } }],
])('Transport over TLS and %s', (_version, options) => {
  beforeEach(() => serve({ isTls: true, ...options }));

  it('believes a server for whom the authority vouches', async () => {
    await expect(connect().request({ method: 'GET', path })).resolves.toMatchObject({ status: 200 });
  });

  it('believes a server for whom an authority vouches that is not a root, where that one is configured', async () => {
    await serve({ isTls: true, hasIntermediate: true, ...options });
    await expect(connect().request({ method: 'GET', path })).resolves.toMatchObject({ status: 200 });
  });

  it('believes no other, and says why', async () => {
    const stranger = { text: new Authority('stranger').certificate };
    await expect(
      connect(as({ token: { text: 'x' }, authority: stranger })).request({ method: 'GET', path }),
    ).rejects.toMatchObject({
      code: 'kube-tls',
      message: expect.stringContaining('comes from another authority') as string,
    });
    await expect(connect({ tlsServerName: 'other.test' }).request({ method: 'GET', path })).rejects.toMatchObject({
      code: 'kube-tls',
      message: expect.stringContaining('set tls-server-name') as string,
    });
  });

  it.each(['kubernetes.default.svc', '127.0.0.1'])(
    'looks for %s in the certificate where it is told to',
    async (tlsServerName) => {
      // `localhost` is not among the names in the certificate.
      const elsewhere = { server: new URL(`https://localhost:${new URL(server.url).port}`) };
      await expect(connect(elsewhere).request({ method: 'GET', path })).rejects.toMatchObject({ code: 'kube-tls' });
      await expect(connect({ ...elsewhere, tlsServerName }).request({ method: 'GET', path })).resolves.toMatchObject({
        status: 200,
      });
    },
  );

  it('asks nobody when verification is switched off', async () => {
    const stranger = { text: new Authority('stranger').certificate };
    const material = as({ token: { text: 'token-of-admin' }, authority: stranger });
    await expect(
      connect({ ...material, isTlsUnverified: true }).request({ method: 'GET', path }),
    ).resolves.toMatchObject({ status: 200 });
  });

  it('shows a client certificate', async () => {
    const ann = server.authority?.issue('ann');
    server.access.allow('ann', everything);
    const material = as({ certificate: { text: ann?.certificate ?? '' }, key: { text: ann?.key ?? '' } });
    await expect(connect(material).request({ method: 'GET', path })).resolves.toMatchObject({ status: 200 });
    await expect(connect(as({})).request({ method: 'GET', path })).rejects.toMatchObject({
      denied: { user: 'system:anonymous' },
    });
  });

  it('says that its own certificate is unusable', async () => {
    const material = as({ certificate: { text: 'nonsense' }, key: { text: 'nonsense' } });
    await expect(connect(material).request({ method: 'GET', path })).rejects.toMatchObject({ code: 'kube-tls' });
  });

  it('streams', async () => {
    server.seed('configmaps', [{ metadata: { namespace: 'default', name: 'a' } }]);
    const stream = await connect().stream(watch);
    for await (const value of stream) {
      expect(value).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'a' } } });
      break;
    }
    await until(() => expect(server.watches).toBe(0));
  });
});

describe('Transport.stream', () => {
  it('gives one value after the other, until the server ends the answer', async () => {
    const stream = await connect().stream(watch);
    server.seed('configmaps', [
      { metadata: { namespace: 'default', name: 'a' } },
      { metadata: { namespace: 'default', name: 'b' } },
    ]);
    server.troubleWatches('end');
    await expect(readAll(stream)).resolves.toMatchObject([
      { object: { metadata: { name: 'a' } } },
      { object: { metadata: { name: 'b' } } },
    ]);
  });

  it('lets go of the connection when it is closed unread', async () => {
    const stream = await connect().stream(watch);
    expect(server.watches).toBe(1);
    stream.close();
    await until(() => expect(server.connections).toBe(0));
  });

  it('leaves neither a timer nor a listener behind', async () => {
    const { signal } = new AbortController();
    const transport = connect();
    const before = timers();
    const read = await transport.stream({ ...watch, signal });
    read.expectWithin(600_000);
    server.troubleWatches('end');
    await readAll(read);
    const broken = await transport.stream({ ...watch, signal });
    broken.expectWithin(600_000);
    const reading = failure(readAll(broken));
    server.troubleWatches('garbage');
    await reading;
    const unread = await transport.stream({ ...watch, signal });
    unread.close();
    await transport.request({ method: 'GET', path, signal });
    transport.close();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    await until(() => expect(timers()).toBeLessThanOrEqual(before));
  });

  it('stops with the reason of the signal', async () => {
    const stopping = new AbortController();
    const stream = await connect().stream({ ...watch, signal: stopping.signal });
    const reason = new Error('stop');
    const reading = failure(readAll(stream));
    stopping.abort(reason);
    await expect(reading).resolves.toBe(reason);
    await until(() => expect(server.connections).toBe(0));
  });

  it.each([
    ['a cut connection', 'reset', 'kube-unreachable'],
    ['half a line', 'half-line', 'kube-malformed-answer'],
    ['a line that is not JSON', 'garbage', 'kube-malformed-answer'],
  ] as const)('ends with a Fault after %s', async (_name, trouble, code) => {
    const stream = await connect().stream(watch);
    const reading = failure(readAll(stream));
    server.troubleWatches(trouble);
    await expect(reading).resolves.toMatchObject({ code });
  });

  it('ends with a Fault when nothing comes within the time it was told to expect something', async () => {
    const stream = await connect().stream(watch);
    stream.expectWithin(30);
    await expect(readAll(stream)).rejects.toMatchObject({ code: 'kube-stream-silent' });
  });

  it('ends with a Fault when the server does not end the answer in time', async () => {
    const stream = await connect().stream({ ...watch, lifetimeMs: 30 });
    await expect(readAll(stream)).rejects.toMatchObject({ code: 'kube-stream-overdue' });
  });

  it('gives up when the answer does not begin', async () => {
    server.faults.add({ trouble: { kind: 'hang' } });
    await expect(connect().stream({ ...watch, openTimeoutMs: 30 })).rejects.toMatchObject({ code: 'kube-timeout' });
  });

  it('is refused like any request', async () => {
    const transport = connect(as({ token: { text: server.user('ann', []) } }));
    await expect(transport.stream(watch)).rejects.toMatchObject({ denied: { verb: 'watch' } });
  });
});
