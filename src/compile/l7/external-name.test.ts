import { describe, expect, it } from 'vitest';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { ipAddressOf, type IpAddress } from '../../model/grammar.ts';
import { DEFAULT_TRAFFIC, type Service } from '../../model/service.ts';
import type { ResolvedName } from '../../model/snapshot.ts';
import { externalTarget, type ExternalTarget } from './external-name.ts';

function addressesOf(...texts: readonly string[]): readonly IpAddress[] {
  return texts.map((text) => {
    const address = ipAddressOf(text);
    if (address === undefined) throw new Error(`${text} is no address`);
    return address;
  });
}

function service(externalName: string | undefined): Service {
  return {
    meta: { namespace: 'shop', name: 'legacy', uid: '', createdMs: 0 },
    type: 'ExternalName',
    ports: [],
    externalName,
    publishedAddresses: [],
    loadBalancer: undefined,
    traffic: DEFAULT_TRAFFIC,
  };
}

const FACTS = { nowMs: 0, node: { addresses: addressesOf('192.0.2.10', '2001:db8::10') } };

function answered(name: string, ...answers: readonly string[]): PersistentMap<ResolvedName> {
  return PersistentMap.from([[name, { addresses: addressesOf(...answers) }]]);
}

function denied(name: string, ...answers: readonly string[]): ExternalTarget {
  return externalTarget(service(name), answered(name, ...answers), false, FACTS);
}

describe('externalTarget', () => {
  it.each([
    '127.0.0.1',
    '127.8.8.8',
    '::1',
    '0.0.0.0',
    '::',
    '169.254.169.254',
    'fe80::1',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    '::ffff:192.0.2.10',
    '192.0.2.10',
    '2001:db8::10',
    'fd00:ec2::254',
  ])('sends nothing to %s, written or resolved to', (address) => {
    for (const target of [denied(address), denied('innocent.test', address)]) {
      expect(target.addresses).toEqual([]);
      expect(target.findings.map(({ reason, field }) => [reason, field])).toEqual([
        ['ExternalNameLocal', 'spec.externalName'],
      ]);
    }
  });

  it('judges every address of an answer: those elsewhere stay', () => {
    const { addresses, findings } = denied('both.test', '127.0.0.1', '198.51.100.7');
    expect(addresses).toEqual(['198.51.100.7']);
    expect(findings[0]?.message).toBe(
      '"both.test" resolves to 127.0.0.1, a loopback address, and no request is sent there',
    );
  });

  it('leaves names that lead elsewhere alone, and says of others why', () => {
    expect(denied('shop.test', '198.51.100.7')).toEqual({ addresses: ['198.51.100.7'], findings: [] });
    expect(denied('192.0.2.10').findings[0]?.message).toBe(
      '"192.0.2.10" is an address of the machine that Sluice runs on, and no request is sent there',
    );
    expect(denied('none.test').findings.map(({ reason }) => reason)).toEqual(['ExternalNameUnresolved']);
    expect(externalTarget(service(undefined), PersistentMap.empty(), false, FACTS)).toEqual({
      addresses: [],
      findings: [],
    });
  });

  it('lets everything through where the operator allows it', () => {
    const resolved = answered('localhost', '127.0.0.1');
    const found = { addresses: ['127.0.0.1'], findings: [] };
    expect(externalTarget(service('localhost'), resolved, true, FACTS)).toEqual(found);
  });

  it('says nothing of a name that has not been looked up yet', () => {
    const unknown = { addresses: [], findings: [] };
    expect(externalTarget(service('shop.test'), PersistentMap.empty(), false, FACTS)).toEqual(unknown);
  });
});
