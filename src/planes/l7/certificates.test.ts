import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCrtList } from '../../../test/injection/haproxy-reader.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { hostnameOf, type Hostname } from '../../model/grammar.ts';
import { SecretText } from '../../model/secret-text.ts';
import { certificateId } from '../../compile/l7/certificate.ts';
import type { CertificatePlan } from '../../compile/plan.ts';
import { crtListLine, partsOf, renderCertificates } from './certificates.ts';
import { printStep } from './step.ts';

function hosts(names: Iterable<string>): readonly Hostname[] {
  return [...names].sort().map((name): Hostname => {
    const host = hostnameOf(name);
    if (host === undefined) throw new Error(`${name} is no host`);
    return host;
  });
}

function planFor(serverNames: readonly Hostname[], fingerprint = 'first'): CertificatePlan {
  const pem = (kind: string): string => `-----BEGIN ${kind}-----\n${fingerprint}\n-----END ${kind}-----`;
  const certificate = {
    fingerprint,
    chainPem: pem('CERTIFICATE'),
    keyPem: new SecretText(pem('PRIVATE KEY')),
    dnsNames: ['*.test'],
    commonName: '',
    notBeforeMs: 0,
    notAfterMs: 0,
  };
  return { id: certificateId('default/tls'), certificate, serverNames };
}

function commandsBetween(before: CertificatePlan, after: CertificatePlan): readonly string[] {
  const { comes, leads, goes } = renderCertificates(
    PersistentMap.from([[before.id, before]]),
    PersistentMap.from([[after.id, after]]),
  );
  return [...comes, ...leads, ...goes].map((step) => printStep(step, '').split('\n', 1)[0] ?? '');
}

const longLabel = 'a'.repeat(63);

describe('partsOf', () => {
  it.each<[string, readonly Hostname[]]>([
    ['none', []],
    ['one', hosts(['a.test'])],
    [
      'more than words fit on a line of HAProxy',
      hosts(Array.from({ length: 5000 }, (_, n) => `host-${String(n)}.test`)),
    ],
    ['of two letters', hosts(Array.from({ length: 1296 }, (_, n) => n.toString(36).padStart(2, '0')))],
    [
      'the longest that there are',
      hosts(
        Array.from({ length: 3000 }, (_, n) => `${longLabel}.${longLabel}.${longLabel}.${String(n).padStart(61, 'b')}`),
      ),
    ],
  ])('lists every name once, in lines that HAProxy takes: %s', (_, names) => {
    const parts = partsOf(planFor(names));
    const lines = readCrtList(parts.map((part) => `${crtListLine(part)}\n`).join(''));
    expect(lines.flatMap(([, ...some]) => some)).toEqual(names);
    expect(new Set(parts.map(({ file }) => file)).size).toBe(parts.length);
  });

  it('does not make many parts, whatever the names are', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.domain(), { minLength: 200, maxLength: 400 }), (names) => {
        const plan = planFor(hosts(new Set(names.map((name) => name.toLowerCase()))));
        const bytes = plan.serverNames.join(' ').length;
        expect(partsOf(plan).length).toBeLessThanOrEqual(Math.ceil(bytes / 2_000));
      }),
      { numRuns: 20 },
    );
  });
});

describe('renderCertificates', () => {
  const names = Array.from({ length: 5000 }, (_, n) => `host-${String(n)}.test`);
  const many = planFor(hosts(names));

  it.each<[string, readonly Hostname[]]>([
    ['a name more', hosts([...names, 'host-2500a.test'])],
    ['a name less', hosts(names.filter((name) => name !== 'host-2500.test'))],
    ['a name before all others', hosts([...names, 'a.test'])],
  ])('changes few lines of many for %s, and adds before it removes', (_, changed) => {
    const commands = commandsBetween(many, planFor(changed));
    const kinds = commands.map((command) => command.split(' ').slice(0, 3).join(' '));
    const added = kinds.filter((kind) => kind === 'add ssl crt-list').length;
    expect(added).toBeGreaterThan(0);
    expect(added).toBeLessThanOrEqual(4);
    expect(kinds.indexOf('del ssl crt-list')).toBeGreaterThan(kinds.lastIndexOf('add ssl crt-list'));
  });

  it('renews every part, and lists none again', () => {
    const kinds = commandsBetween(many, planFor(many.serverNames, 'second')).map((command) =>
      command.split(' ', 3).join(' '),
    );
    const count = partsOf(many).length;
    expect(count).toBeGreaterThan(10);
    expect(kinds).toEqual(Array.from({ length: count }, () => ['set ssl cert', 'commit ssl cert']).flat());
  });
});
