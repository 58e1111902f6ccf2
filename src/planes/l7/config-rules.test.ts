import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONFIG_KEYS, readNginxConfig } from '../../compile/l7/nginx/config/read.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { ConfigMap } from '../../model/config-map.ts';
import type { EngineConfig } from '../../model/http/engine-config.ts';
import { EMPTY_SNAPSHOT } from '../../model/snapshot.ts';
import { attack, attacked } from '../../../test/injection/hostile.ts';
import { renderSkeleton } from './skeleton.ts';

const FLAGS = {
  bindAddresses: ['127.0.0.1'],
  httpPort: 80,
  httpsPort: 443,
  publicHttpsPort: 443,
  innerPorts: undefined,
  isHttp3: false,
  trustedProxies: [],
  proxyProtocolSources: [],
  hasAccessLog: false,
  threads: undefined,
  maxConnections: 100,
  hardStopAfterS: 5,
  user: undefined,
};

const SOCKETS = { admin: '/s/admin.sock', accessLog: 'log', passwords: { name: 'p', key: 'k' }, asked: 'asked' };

function configMap(name: string, data: Readonly<Record<string, string>>): readonly [string, ConfigMap] {
  const meta = { namespace: 'n', name, uid: '', createdMs: 0 };
  const authorities = { kind: 'broken', message: 'there are none' } as const;
  return [`n/${name}`, { meta, data: new Map(Object.entries(data)), authorities }];
}

function engineOf(
  data: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): EngineConfig {
  const configMaps = PersistentMap.from([configMap('settings', data), configMap('headers', headers)]);
  const settings = { configMap: 'n/settings', compat: undefined };
  return readNginxConfig({ ...EMPTY_SNAPSHOT, configMaps }, settings).config.engine;
}

/** The lines that a configuration adds to the skeleton. */
function added(config: EngineConfig): readonly string[] {
  const usual = new Set(renderSkeleton(FLAGS, SOCKETS).split('\n'));
  return renderSkeleton(FLAGS, SOCKETS, 0, config)
    .split('\n')
    .filter((line) => !usual.has(line));
}

/** What stands outside of strong quotes, in which nothing is special (configuration manual §2.2), is one of these. */
const DIRECTIVE =
  /^ {4}(?:http-request|http-response|http-after-response|timeout|option|compression|ssl-default-bind-[a-z]+|tune\.h2|bind|hard-stop-after|maxconn|acl|tcp-request) [^'"\\#;]*(?:(?:'[\t\x20-\x26\x28-\x7e]*'|"'")+[^'"\\#;]*)?$/;

/** Of the rules about trusted proxies, which have quotes of their own and nothing of a user. */
const OWN = /replace-value x-forwarded-for|set-var-fmt/;

describe('what a ConfigMap says of the engine', () => {
  it('is what was asked for', () => {
    const data = {
      'ssl-protocols': 'TLSv1.2',
      'ssl-ciphers': 'ECDHE+AESGCM:!aNULL',
      'keep-alive': '0',
      'hide-headers': 'X-Secret',
      'block-cidrs': '192.0.2.0/24,2001:db8::1',
      'proxy-set-headers': 'n/headers',
    };
    expect(added(engineOf(data, { 'X-A': 'at $host: 5%' }))).toEqual([
      '    ssl-default-bind-options ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.2 no-tls-tickets',
      '    ssl-default-bind-ciphers ECDHE+AESGCM:!aNULL',
      '    timeout http-keep-alive 0s',
      '    option httpclose',
      ...[0, 1].flatMap(() => [
        '    http-request deny status 403 if { src 192.0.2.0/24 2001:db8::1/128 }',
        "    http-request set-header x-a 'at %[req.hdr(host),host_only,lower]: 5%%'",
        '    http-response del-header x-secret',
      ]),
    ]);
  });

  // HAProxy starts with none of these: one value would keep every later change from everybody.
  it.each([
    ['a time that is too long', { 'keep-alive': '25d', 'worker-shutdown-timeout': '999999999d' }],
    ['a brace, which ends a condition', { 'block-user-agents': '}', 'block-referers': '~}' }],
  ])('leaves out %s', (_, data) => {
    expect(added(engineOf(data))).toEqual([]);
  });

  it('removes a header whose value is empty', () => {
    const engine = engineOf({ 'proxy-set-headers': 'n/headers', 'add-headers': 'n/headers' }, { 'X-A': '' });
    expect(new Set(added(engine))).toEqual(
      new Set(['    http-request del-header x-a', '    http-after-response del-header x-a']),
    );
  });

  it('stands in several lines where it has many words', () => {
    const types = Array.from({ length: 80 }, (_, index) => `text/x-${String(index)}`);
    const lines = added(engineOf({ 'use-gzip': 'true', 'gzip-types': types.join(' ') }));
    const words = lines.filter((line) => line.includes('type-res')).map((line) => line.trim().split(' '));
    expect(words.every(({ length }) => length <= 64)).toBe(true);
    expect(words.flatMap((line) => line.slice(2))).toEqual(['text/html', ...types]);
  });

  it('never becomes another directive, whatever is in it', () => {
    const honoured = CONFIG_KEYS.filter(({ support }) => support.kind === 'honoured').map(({ name }) => name);
    const hostile = attack.map((how) => attacked('value', how));
    const value = hostile.chain((text) => fc.constantFrom(text, `~${text}`, `a,${text},~*b`));
    fc.assert(
      fc.property(fc.constantFrom(...honoured), value, hostile, hostile, (key, text, name, header) => {
        const others = {
          'proxy-set-headers': 'n/headers',
          'add-headers': 'n/headers',
          'use-gzip': 'true',
          hsts: 'true',
        };
        const lines = added(engineOf({ ...others, [key]: text }, { [name]: text, 'X-A': header }));
        expect(lines.filter((line) => !DIRECTIVE.test(line) && !OWN.test(line))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });
});
