import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeApiServer } from '../../test/fakes/apiserver/apiserver.ts';
import { HttpProxy } from '../../test/fakes/http-proxy.ts';
import { until } from '../../test/fakes/reflection-lab.ts';
import { Authority } from '../../test/fakes/apiserver/certificates.ts';
import { Transport } from './transport.ts';

const path = '/api/v1/namespaces/default/configmaps';

describe.each([
  ['HTTP/1.1', {}],
  ['HTTP/2', { http2: { maxStreams: 100 } }],
])('the API server through a proxy, over %s', (_version, options) => {
  let server: FakeApiServer;
  let proxy: HttpProxy;
  const opened: Transport[] = [];

  beforeEach(async () => {
    server = await FakeApiServer.start({ isTls: true, ...options });
    proxy = await HttpProxy.start({ password: 'a:b/c' });
  });
  afterEach(async () => {
    for (const transport of opened.splice(0)) transport.close();
    await until(() => expect(server.connections, 'connections left open').toBe(0));
    await proxy.close();
    await server.close();
  });

  function through(url: URL, user = ''): Transport {
    const named = new URL(url);
    if (user !== '') [named.username, named.password] = [user, encodeURIComponent('a:b/c')];
    const transport = new Transport({ ...server.config(), proxy: named }, 'proxy-test/1');
    opened.push(transport);
    return transport;
  }

  it('is reached as the user that the proxy wants, and verified as without one', async () => {
    const transport = through(proxy.url, 'ann');
    await expect(transport.request({ method: 'GET', path })).resolves.toMatchObject({ status: 200 });
    const stream = await transport.stream({ path: '/api/v1/configmaps', query: { watch: true }, lifetimeMs: 60_000 });
    stream.close();
    const { host } = new URL(server.url);
    expect(new Set(proxy.targets)).toEqual(new Set([host]));
    const verified = new Transport(
      { ...server.config(), proxy: new URL(`http://ann:a%3Ab%2Fc@${proxy.url.host}`), tlsServerName: 'other.test' },
      'proxy-test/1',
    );
    opened.push(verified);
    await expect(verified.request({ method: 'GET', path })).rejects.toMatchObject({ code: 'kube-tls' });
  });

  it('is not reached as another user, and the answer of the proxy is shown without the password', async () => {
    const { host } = proxy.url;
    await expect(through(proxy.url, 'bob').request({ method: 'GET', path })).rejects.toMatchObject({
      code: 'kube-unreachable',
      message: `the HTTP proxy ${host} does not lead to the API server ${server.url}: it answered 407 Proxy Authentication Required`,
    });
    expect(server.requests).toEqual([]);
  });

  it('is not reached past a proxy that is gone', async () => {
    const gone = await HttpProxy.start();
    await gone.close();
    await expect(through(gone.url).request({ method: 'GET', path })).rejects.toMatchObject({
      code: 'kube-unreachable',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
    expect(server.requests).toEqual([]);
  });

  it('is not reached through a proxy over TLS that nobody vouches for', async () => {
    const { certificate, key } = new Authority('proxy-ca').issue('proxy', ['127.0.0.1']);
    const secure = await HttpProxy.start({ tls: { cert: certificate, key } });
    await expect(through(secure.url).request({ method: 'GET', path })).rejects.toMatchObject({
      code: 'kube-unreachable',
    });
    expect(secure.targets).toEqual([]);
    await secure.close();
  });

  it('is given up when the request is', async () => {
    const silent = http.createServer().on('connect', () => {});
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const stop = new AbortController();
    const url = new URL(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    const asking = through(url).request({ method: 'GET', path, signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 50);
    await expect(asking).rejects.toThrow('enough');
    silent.closeAllConnections();
    silent.close();
  });
});
