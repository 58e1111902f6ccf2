import { describe, expect, it } from 'vitest';
import { admitObject } from './admit.ts';

const PEER = { myASN: 64512, peerASN: 64513, peerAddress: '192.0.2.1' };

function admit(kind: string, spec: unknown, version = kind === 'BGPPeer' ? 'v1beta2' : 'v1beta1') {
  const raw = { apiVersion: `metallb.io/${version}`, kind, metadata: { name: 'x', namespace: 'm' }, spec };
  const admission = admitObject(raw);
  if (admission === undefined) throw new Error(`${kind} is not read`);
  return { value: admission.change?.value, fields: admission.findings.map(({ field }) => field), admission };
}

describe('a BGPPeer', () => {
  it('is admitted with all of its fields', () => {
    const { value, fields } = admit('BGPPeer', {
      ...PEER,
      localASN: 64999,
      sourceAddress: '192.0.2.9',
      peerPort: 1179,
      holdTime: '1m30s',
      keepaliveTime: '10s',
      connectTime: '5s',
      routerID: '10.0.0.1',
      nodeSelectors: [{ matchLabels: { rack: 'one' } }],
      passwordSecret: { name: 'secret' },
      bfdProfile: 'fast',
      enableGracefulRestart: true,
      ebgpMultiHop: true,
      vrf: 'red',
      dualStackAddressFamily: true,
    });
    expect(fields).toEqual([]);
    expect(value).toMatchObject({
      neighbor: { kind: 'address', address: '192.0.2.1', port: 1179 },
      localAs: 64999,
      peerAs: 64513,
      sourceAddress: '192.0.2.9',
      holdTimeS: 90,
      keepaliveTimeS: 10,
      connectTimeS: 5,
      routerId: '10.0.0.1',
      password: { kind: 'secret', name: 'secret' },
      bfdProfile: 'fast',
      hasGracefulRestart: true,
      isMultihop: true,
      vrf: 'red',
      isDualStack: true,
    });
  });

  it('of the older version is admitted too, and so is what MetalLB writes where nothing is given', () => {
    const { value, fields } = admit(
      'BGPPeer',
      { ...PEER, holdTime: '90s', nodeSelectors: [], password: '' },
      'v1beta1',
    );
    expect(fields).toEqual([]);
    expect(value).toMatchObject({ holdTimeS: 90, password: undefined });
    const empty = { peerPort: 0, dynamicASN: '', interface: '', vrf: '', routerID: '', passwordSecret: {} };
    expect(admit('BGPPeer', { ...PEER, ...empty }).fields).toEqual([]);
  });

  it.each([
    ['peerAddress', { peerAddress: '192.0.2' }],
    ['peerAddress', { peerAddress: undefined }],
    ['peerAddress', { interface: 'eth0' }],
    ['interface', { peerAddress: undefined, interface: 'eth 0' }],
    ['myASN', { myASN: undefined }],
    ['myASN', { myASN: 0 }],
    ['myASN', { myASN: 4_294_967_296 }],
    ['peerASN', { peerASN: undefined }],
    ['peerASN', { dynamicASN: 'external' }],
    ['dynamicASN', { peerASN: undefined, dynamicASN: 'other' }],
    ['sourceAddress', { sourceAddress: 'x' }],
    ['password', { password: 'a', passwordSecret: { name: 'b' } }],
    ['password', { password: 'with "quotes"' }],
    ['password', { password: 'x'.repeat(81) }],
    ['password', { password: 12_345 }],
    ['passwordSecret.name', { passwordSecret: { name: '../x' } }],
    ['vrf', { vrf: 'red;' }],
  ])('is not admitted with a wrong %s, and says so', (field, spec) => {
    const { value, fields } = admit('BGPPeer', { ...PEER, ...spec });
    expect(fields).toEqual([`spec.${field}`]);
    expect(value).toBeUndefined();
  });

  it.each([
    ['holdTime', { holdTime: '2s' }, 'holdTimeS'],
    ['holdTime', { holdTime: '3.5s' }, 'holdTimeS'],
    ['holdTime', { holdTime: 'soon' }, 'holdTimeS'],
    ['keepaliveTime', { holdTime: '9s', keepaliveTime: '10s' }, 'keepaliveTimeS'],
    ['connectTime', { connectTime: '0s' }, 'connectTimeS'],
    ['routerID', { routerID: '::1' }, 'routerId'],
  ] as const)('goes without a wrong %s, and says so', (field, spec, property) => {
    const { value, fields } = admit('BGPPeer', { ...PEER, ...spec });
    expect(fields).toEqual([`spec.${field}`]);
    expect(value).toHaveProperty(property, undefined);
  });

  it('of the own AS is no matter of hops, and does not contradict itself', () => {
    const internal = admit('BGPPeer', { ...PEER, peerASN: 64512, ebgpMultiHop: true });
    expect(internal.fields).toEqual(['spec.ebgpMultiHop']);
    expect(internal.value).toMatchObject({ isMultihop: false });
    const both = admit('BGPPeer', { ...PEER, disableMP: true, dualStackAddressFamily: true });
    expect(both.fields).toEqual(['spec.disableMP']);
    expect(admit('BGPPeer', { ...PEER, disableMP: true }).fields).toEqual([]);
  });

  it('never shows its password', () => {
    for (const password of ['opensesame', 'open"sesame', 90_210, 'opensesame'.repeat(9)])
      expect(JSON.stringify(admit('BGPPeer', { ...PEER, password }).admission)).not.toMatch(/sesame|90210/);
  });
});

describe('a BGPAdvertisement', () => {
  it('announces addresses as they are, unless it says otherwise', () => {
    expect(admit('BGPAdvertisement', undefined).value).toMatchObject({
      aggregationLength: 32,
      aggregationLengthV6: 128,
    });
    const { value, fields } = admit('BGPAdvertisement', {
      aggregationLength: 24,
      aggregationLengthV6: 124,
      localPref: 100,
      communities: ['65000:1', 'large:1:2:3', 'no-export'],
      peers: ['a'],
    });
    expect(fields).toEqual([]);
    expect(value).toMatchObject({
      aggregationLength: 24,
      aggregationLengthV6: 124,
      localPref: 100,
      communities: [
        { kind: 'value', community: { kind: 'standard', numbers: [65000, 1] } },
        { kind: 'value', community: { kind: 'large', numbers: [1, 2, 3] } },
        { kind: 'name', name: 'no-export' },
      ],
      peers: ['a'],
    });
  });

  it.each([
    ['aggregationLength', { aggregationLength: 33 }],
    ['aggregationLength', { aggregationLength: 0 }],
    ['aggregationLengthV6', { aggregationLengthV6: 129 }],
    ['communities[0]', { communities: ['65536:1'] }],
    ['communities[0]', { communities: ['large:1:2'] }],
    ['communities[0]', { communities: ['1:2:3'] }],
    ['serviceSelectors', { serviceSelectors: [{}], aggregationLength: 24 }],
  ])('is not admitted with a wrong %s: it would say more than is meant', (field, spec) => {
    const { value, fields } = admit('BGPAdvertisement', spec);
    expect(fields).toEqual([`spec.${field}`]);
    expect(value).toBeUndefined();
  });
});

describe('a BFDProfile', () => {
  it('has the times of MetalLB where it says nothing', () => {
    const times = { receiveIntervalMs: 300, transmitIntervalMs: 300, detectMultiplier: 3, isPassive: false };
    expect(admit('BFDProfile', {}).value).toMatchObject(times);
    const { value, fields } = admit('BFDProfile', {
      receiveInterval: 9,
      transmitInterval: 60_001,
      detectMultiplier: 1,
    });
    expect(value).toMatchObject(times);
    expect(fields).toHaveLength(3);
  });

  it('names what BIRD does not have', () => {
    const { fields } = admit('BFDProfile', { echoMode: true, echoInterval: 50, minimumTtl: 254 });
    expect(fields).toEqual(['spec.echoMode', 'spec.echoInterval', 'spec.minimumTtl']);
    expect(admit('BFDProfile', { echoMode: false }).fields).toEqual([]);
  });
});

it('a Community has the names that make sense', () => {
  const { value, fields } = admit('Community', {
    communities: [{ name: 'good', value: '1:2' }, { name: 'bad', value: 'x' }, { value: '1:3' }],
  });
  expect(value).toMatchObject({ communities: [{ name: 'good' }] });
  expect(fields).toEqual(['spec.communities[1].value', 'spec.communities[2].name']);
});
