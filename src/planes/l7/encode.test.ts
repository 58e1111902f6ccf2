import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ANY_HOST, type BackendId, type CertificateId } from '../../compile/plan.ts';
import { hostnameOf, ipAddressOf, urlPathOf, type IpAddress, type UrlPath } from '../../model/grammar.ts';
import { pathRegexOf, type PathRegex } from '../../model/path-regex.ts';
import {
  backendName,
  certificateFile,
  keyArgument,
  keyHost,
  regexKey,
  routeKey,
  routeValue,
  serverAddress,
  serverName,
  sniFilter,
} from './encode.ts';

const hosts = fc.domain().map((domain) => defined(hostnameOf(domain)));
const paths = fc
  .array(fc.constantFrom(...'/abAB01-._~!$&()*+,;=:@%'.split('')), { maxLength: 12 })
  .map((characters) => defined(urlPathOf(`/${characters.join('')}`)));
const matches = fc.record({ type: fc.constantFrom('Exact' as const, 'PathPrefix' as const), value: paths });

function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the test wrote something that is not in the grammar');
  return value;
}

function regex(text: string): PathRegex {
  const found = pathRegexOf(text);
  if ('problem' in found) throw new Error(found.problem);
  return found.regex;
}

/** Text that no grammar has let through, as a bug would hand it on. */
function smuggled(text: string): BackendId & CertificateId & PathRegex & UrlPath & IpAddress {
  return text as BackendId & CertificateId & PathRegex & UrlPath & IpAddress;
}

/** How HAProxy finds the longest prefix (configuration manual, `map_beg`) for a request. */
function finds(keys: readonly string[], host: string, path: string): string | undefined {
  const looked = `${host}${path}/#`;
  return keys.filter((key) => looked.startsWith(key)).sort((a, b) => b.length - a.length)[0];
}

describe('route keys', () => {
  it('give back the host, the type and the path that they were made from', () => {
    fc.assert(
      fc.property(hosts, matches, (host, match) => {
        const key = routeKey(host, match);
        const at = key.indexOf('/');
        expect(key.slice(0, at)).toBe(host);
        const rest = key.slice(at);
        const value = match.type === 'PathPrefix' && match.value === '/' ? '' : match.value;
        expect(rest).toBe(match.type === 'Exact' ? `${value}/#` : `${value}/`);
      }),
    );
  });

  it('find what the API says: the whole path for Exact, path elements for prefixes, the longest first', () => {
    fc.assert(
      fc.property(hosts, fc.array(matches, { maxLength: 6 }), paths, (host, routes, path) => {
        // Admission takes trailing slashes from prefixes.
        const clean = routes.map((match) =>
          match.type === 'Exact'
            ? match
            : { ...match, value: defined(urlPathOf(match.value.replace(/\/+$/, '') || '/')) },
        );
        const found = finds(
          clean.map((match) => routeKey(host, match)),
          host,
          path,
        );
        const exact = clean.find((match) => match.type === 'Exact' && match.value === path);
        const prefixes = clean
          .filter(
            ({ type, value }) =>
              type === 'PathPrefix' && (value === '/' || path === value || path.startsWith(`${value}/`)),
          )
          .sort((a, b) => b.value.length - a.value.length);
        const best = exact ?? prefixes[0];
        expect(found).toBe(best === undefined ? undefined : routeKey(host, best));
      }),
      { numRuns: 2000 },
    );
  });

  it('come through the runtime CLI as they are', () => {
    fc.assert(
      fc.property(hosts, matches, (host, match) => {
        const key = routeKey(host, match);
        const argument = keyArgument(key);
        expect(argument).not.toMatch(/(?<!\\);|[ \n]/);
        expect(argument.replaceAll(/\\(.)/g, '$1')).toBe(key);
      }),
    );
  });

  it('keep any host apart from hosts that clients can name', () => {
    expect(keyHost({ host: ANY_HOST, entrance: 'main' })).toBe('*');
    expect(keyHost({ host: defined(hostnameOf('a.test')), entrance: 'https' })).toBe('https|a.test');
    expect(keyHost({ host: defined(hostnameOf('a.test')), entrance: 'main' })).toBe('a.test');
    expect(hostnameOf('*')).toBeUndefined();
  });
});

describe('regular expression keys', () => {
  /** Less the limit of what a match may take, which JavaScript does not know. */
  function expression(host: string, path: string): RegExp {
    const key = regexKey(host, regex(path));
    expect(key).toMatch(/^\(\*LIMIT_MATCH=\d+\)\^/);
    return new RegExp(key.replace(/^\([^)]*\)/, ''));
  }

  it('match on their own host alone, from the start of the path', () => {
    const key = expression('a.test', '/x|/y.*');
    expect(
      ['a.test/x', 'a.test/yes', 'b.test/x', 'a.test/a/x', 'aatest/x', 'other/a.test/x'].map((text) => key.test(text)),
    ).toEqual([true, true, false, false, false, false]);
    expect(expression('*.a.test', '^/x').test('*.a.test/x')).toBe(true);
  });

  it('match on no host that only begins as theirs does', () => {
    const key = expression('a.co', '/x|m/.*');
    expect(['a.co/x', 'a.com/x', 'a.com/'].map((text) => key.test(text))).toEqual([true, false, false]);
  });
});

describe('names', () => {
  const server = (address: string) => ({ address: defined(ipAddressOf(address)), port: 80, state: 'ready' as const });

  it('say the address and the port of a server', () => {
    const addresses = ['192.0.2.1', '2001:db8::1'];
    expect(addresses.map((address) => serverAddress(server(address)))).toEqual(['192.0.2.1:80', 'ipv6@2001:db8::1:80']);
    for (const address of addresses) expect(serverName(server(address))).toMatch(new RegExp(`^${address}.80$`));
  });

  it('give every certificate a file name of its own for each set of server names, that Linux can take', () => {
    const long = 'a'.repeat(253);
    const ids = ['ns_a', `ns_${long}`, `ns_${long.slice(0, -1)}b`, `other_${long}`].map(smuggled);
    const sets = [[], ['a.test'], ['b.test'], ['a.test', 'b.test']].map((names) =>
      names.map((name) => defined(hostnameOf(name))),
    );
    const files = ids.flatMap((id) => sets.map((names) => certificateFile(id, names)));
    expect(new Set(files).size).toBe(ids.length * sets.length);
    for (const file of files) expect(file.length).toBeLessThan(220);
    expect(files[0]).toMatch(/^certs\/ns_a_[0-9a-f]{32}\.pem$/);
  });
});

describe('route values', () => {
  const fields = { backend: 'ns_a_80', flags: '', owner: 'ns/i', reason: '', rid: undefined };

  it('say backend, flags, owner and reason, and the id of the data where there are some', () => {
    expect(routeValue(fields)).toBe('ns_a_80|-|ns/i|');
    expect(routeValue({ ...fields, flags: 'SR', rid: '0a' })).toBe('ns_a_80|SR|ns/i||0a');
    expect(routeValue({ ...fields, backend: 'sluice-404', owner: '', reason: 'no-route' })).toBe(
      'sluice-404|-||no-route',
    );
  });
});

describe('what no grammar has let through', () => {
  const texts = ['a b', 'a;b', 'a\nb', 'a"b', "a'b", 'a\\b', 'a#b', 'é', '', 'a|b', 'a$b', '<<', 'a\u0000'];

  it.each(texts)('crashes rather than becoming syntax: %j', (text) => {
    const encoders = [
      () => backendName(smuggled(text)),
      () => certificateFile(smuggled(text), []),
      () => sniFilter(text),
      () => serverName({ address: smuggled(text), port: 80, state: 'ready' }),
      () => serverAddress({ address: smuggled(`${text} `), port: 80, state: 'ready' }),
    ];
    for (const encode of encoders.slice(0, text === '' ? 3 : 5)) expect(encode).toThrow('invariant broken');
  });

  it.each(['/a b', '/a\nb', '/a"', '/a#b', '/a\\', '/é'])('crashes for the path %j', (path) => {
    expect(() => routeKey('a.test', { type: 'Exact', value: smuggled(path) })).toThrow('invariant broken');
    expect(() => regexKey('a.test', smuggled(`${path}\n`))).toThrow('invariant broken');
    expect(() => keyArgument(`a.test${path}\n`)).toThrow('invariant broken');
  });

  it('crashes for an expression that leaves its group', () => {
    expect(() => regexKey('a.test', smuggled('/a)|(/b'))).toThrow('invariant broken');
  });
});
