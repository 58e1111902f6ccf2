import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import {
  l4SettingsOf,
  refuseBesideApiServer,
  refuseWithoutNodeRole,
  withNodeFlags,
  type NodeFlags,
} from './node-flags.ts';

function parsed(text: string): Command {
  return withNodeFlags(new Command().exitOverride()).parse(text.split(' '), { from: 'user' });
}

function detectionOf(text: string): unknown {
  return l4SettingsOf(parsed(text).opts<NodeFlags>()).localDetection;
}

describe('how pods are told', () => {
  it.each([
    ['--cluster-cidr 10.0.0.0/8', { mode: 'ClusterCIDR', cidrs: [expect.objectContaining({ text: '10.0.0.0/8' })] }],
    ['--detect-local-mode NodeCIDR', { mode: 'NodeCIDR' }],
    ['--detect-local-mode BridgeInterface --pod-bridge-interface cni0', { mode: 'BridgeInterface', interface: 'cni0' }],
    [
      '--detect-local-mode InterfaceNamePrefix --pod-interface-name-prefix veth',
      { mode: 'InterfaceNamePrefix', prefix: 'veth' },
    ],
  ])('is taken: %s', (flags, expected) => {
    expect(detectionOf(flags)).toEqual(expected);
  });

  it.each([
    [
      '--pod-bridge-interface cni0',
      '--pod-bridge-interface is for --detect-local-mode BridgeInterface, and the mode is ClusterCIDR: write --detect-local-mode BridgeInterface, or leave --pod-bridge-interface out',
    ],
    [
      '--detect-local-mode BridgeInterface --pod-bridge-interface cni0 --pod-interface-name-prefix veth',
      '--pod-interface-name-prefix is for --detect-local-mode InterfaceNamePrefix, and the mode is BridgeInterface',
    ],
    [
      '--detect-local-mode NodeCIDR --cluster-cidr 10.0.0.0/8',
      '--cluster-cidr is for --detect-local-mode ClusterCIDR, and the mode is NodeCIDR',
    ],
    [
      '--detect-local-mode BridgeInterface --cluster-cidr 10.0.0.0/8',
      '--cluster-cidr is for --detect-local-mode ClusterCIDR, and the mode is BridgeInterface',
    ],
    ['--detect-local-mode BridgeInterface', '--detect-local-mode BridgeInterface needs --pod-bridge-interface NAME'],
    [
      '--detect-local-mode InterfaceNamePrefix',
      '--detect-local-mode InterfaceNamePrefix needs --pod-interface-name-prefix PREFIX',
    ],
  ])('is refused: %s', (flags, message) => {
    expect(() => detectionOf(flags)).toThrow(message);
  });
});

describe('flags of the role node', () => {
  it.each([
    '--role node --takeover',
    '--role gateway,node --node-name node-a',
    '--takeover --zone zone-a',
    '--role gateway',
    '--role gateway --service-cluster-ip-range 10.0.0.0/8 --service-node-port-range 30000-30099',
  ])('are taken: %s', (flags) => {
    expect(() => refuseWithoutNodeRole(parsed(flags))).not.toThrow();
  });

  it.each([
    [
      '--role gateway,controller --zone zone-a --no-kernel-settings',
      'only the role node looks at --zone, --no-kernel-settings: write --role node,gateway,controller, or leave out what is for a node',
    ],
    // Nor does it help that it says what holds anyway.
    ['--role controller --nodeport-addresses primary', '--nodeport-addresses: write --role node,controller'],
    ['--role gateway --external-ips allow', '--external-ips'],
  ])('are refused without that role: %s', (flags, message) => {
    expect(() => refuseWithoutNodeRole(parsed(flags))).toThrow(message);
  });
});

it.each([
  ['--service-cluster-ip-range 10.0.0.0/8', '--service-cluster-ip-range is for a folder of manifests'],
  ['--service-node-port-range 30000-30099', '--service-node-port-range is for a folder of manifests'],
])('refuses beside an API server what that decides: %s', (flags, message) => {
  expect(() => refuseBesideApiServer(parsed(flags).opts<NodeFlags>())).toThrow(message);
  expect(() => refuseBesideApiServer(parsed('--external-ips allow').opts<NodeFlags>())).not.toThrow();
});
