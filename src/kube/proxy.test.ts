import { describe, expect, it } from 'vitest';
import { proxyFor } from './proxy.ts';

const PROXY = 'http://proxy.test:3128';

function proxyOf(server: string, environment: Readonly<Record<string, string>>): string | undefined {
  return proxyFor(new URL(server), undefined, environment)?.href;
}

describe('the proxy of the environment', () => {
  it.each([
    [{ HTTPS_PROXY: PROXY }, `${PROXY}/`],
    [{ https_proxy: PROXY }, `${PROXY}/`],
    [{ HTTPS_PROXY: PROXY, https_proxy: 'http://other' }, `${PROXY}/`],
    [{ HTTPS_PROXY: 'proxy.test:3128' }, `${PROXY}/`],
    [{ HTTPS_PROXY: '' }, undefined],
    [{ HTTP_PROXY: PROXY }, undefined],
  ])('of %j is %s', (environment, proxy) => {
    expect(proxyOf('https://api.test:6443', environment as Readonly<Record<string, string>>)).toBe(proxy);
  });

  it('is not that of a server without TLS', () => {
    expect(proxyOf('http://api.test', { HTTPS_PROXY: PROXY, HTTP_PROXY: PROXY })).toBeUndefined();
  });

  it.each(['https://localhost:6443', 'https://127.0.0.7', 'https://[::1]:6443'])('never leads to %s', (server) => {
    expect(proxyOf(server, { HTTPS_PROXY: PROXY })).toBeUndefined();
  });

  it.each([
    ['https://api.test:6443', '*'],
    ['https://api.test:6443', 'api.test'],
    ['https://API.test:6443', 'Api.Test'],
    ['https://api.test:6443', ' other.test , test'],
    ['https://api.test:6443', '.test'],
    ['https://api.test:6443', '*.test'],
    ['https://api.test:6443', 'api.test:6443'],
    ['https://api.test', 'api.test:443'],
    ['https://10.96.0.1', '10.96.0.1'],
    ['https://10.96.0.1', '10.96.0.1:443'],
    ['https://10.96.0.1', '192.0.2.0/24,10.96.0.0/12'],
    ['https://[fd00::1]:6443', 'fd00::/64'],
    ['https://[fd00::1]:6443', 'fd00::1'],
    ['https://[fd00::1]:6443', '[fd00::1]:6443'],
  ])('does not lead to %s with NO_PROXY=%s', (server, exceptions) => {
    expect(proxyOf(server, { HTTPS_PROXY: PROXY, NO_PROXY: exceptions })).toBeUndefined();
    expect(proxyOf(server, { HTTPS_PROXY: PROXY, no_proxy: exceptions })).toBeUndefined();
  });

  it.each([
    ['https://api.test:6443', ''],
    ['https://api.test:6443', 'pi.test'],
    ['https://api.test:6443', '.api.test'],
    ['https://api.test:6443', 'api.test:443'],
    ['https://10.96.0.1', '10.96.0.0/33'],
    ['https://10.96.0.1', '10.112.0.0/12'],
    ['https://api.test', '10.96.0.0/12'],
    ['https://[fd00::1]', '::/129'],
  ])('leads to %s with NO_PROXY=%s', (server, exceptions) => {
    expect(proxyOf(server, { HTTPS_PROXY: PROXY, NO_PROXY: exceptions })).toBe(`${PROXY}/`);
  });

  it.each([
    ['socks5://proxy.test', 'HTTPS_PROXY names a proxy of the kind socks5, which is not supported'],
    ['http://', 'HTTPS_PROXY is not the URL of a proxy'],
  ])('is refused: %s', (proxy, message) => {
    expect(() => proxyOf('https://api.test', { HTTPS_PROXY: proxy })).toThrow(message);
  });
});
