import { expect, it } from 'vitest';
import { FakeNft } from '../../../../test/fakes/nft/fake-nft.ts';
import type { Machine, Packet } from '../../../../test/fakes/nft/packet-walk.ts';
import { connect, fateText, trace } from '../../../../test/fakes/nft/trace.ts';
import { BALANCE, frontendOf, NODE_PLAN, planOf, target } from '../../../../test/l4/objects.ts';
import { ip } from '../../../../test/l4/snapshot-steps.ts';
import type { LocalPods } from '../../../compile/l4/l4-plan.ts';
import { PersistentMap } from '../../../lib/persistent-map.ts';
import { printCommand } from './command.ts';
import { renderAll } from './transaction.ts';

const HERE = '10.244.0.1:8080';
const ELSEWHERE = '10.244.9.1:8080';
const VIP = '198.51.100.1';

/** The tables of a node for one Service of externalTrafficPolicy Local with affinity, an endpoint here and one elsewhere. */
function tables(localPods: LocalPods): FakeNft {
  const service = planOf({
    frontends: [
      frontendOf(),
      frontendOf({
        kind: 'LoadBalancer',
        address: ip(VIP),
        action: { ...BALANCE, list: 'local', hasShortCircuit: true },
      }),
    ],
    cluster: [target(HERE), target(ELSEWHERE)],
    local: [target(HERE)],
    affinityTimeoutS: 60,
  });
  const nft = new FakeNft();
  const services = PersistentMap.from([['ns/web', service]]);
  nft.apply(
    renderAll(
      {
        services,
        hairpins: PersistentMap.empty(),
        balancerIps: PersistentMap.empty(),
        announcedIps: PersistentMap.empty(),
        node: { ...NODE_PLAN, localPods, ownPods: localPods },
      },
      'forget',
    ).commands.map(printCommand),
  );
  return nft;
}

function machineWith(...addresses: readonly string[]): Machine {
  return { addresses: new Set(addresses) };
}

function packet(from: Packet['from'], source: string, destination = VIP): Packet {
  const by = { pod: 'cni0', outside: 'eth0', node: undefined }[from];
  return { from, source, interface: by, destination, protocol: 'tcp', port: 80 };
}

const BRIDGE: LocalPods = { kind: 'bridge', interface: 'cni0' };

it.each<readonly [string, LocalPods, Packet, Machine]>([
  ['a pod here', BRIDGE, packet('pod', '10.244.0.5'), machineWith('192.0.2.10')],
  ['the node', { kind: 'unknown' }, packet('node', '192.0.2.11'), machineWith('192.0.2.10', '192.0.2.11')],
])(
  'an address that was that of %s is held to no endpoint elsewhere once it is outside',
  (_, localPods, local, before) => {
    const nft = tables(localPods);
    const after = machineWith('192.0.2.10');
    const fates = (from: Packet, machine: Machine): readonly string[] =>
      trace(nft, machine, from).map(({ fate }) => fateText(fate).replace(' masqueraded', ''));
    connect(nft, before, local, 1);
    expect(fates(local, before)).toEqual([ELSEWHERE]);
    const outside = packet('outside', local.source);
    expect(fates(outside, after)).toEqual([HERE]);
    connect(nft, after, outside, 0);
    expect(fates(outside, after)).toEqual([HERE]);
    // And what it had there is still what it has here.
    expect(fates(local, before)).toEqual([ELSEWHERE]);
  },
);

it.each<readonly [string, string, string]>([
  ['ours', 'cni0', ELSEWHERE],
  ['another', 'docker0', HERE],
])('what %s bridge passes on is remembered as the client it was when it came in', (_, bridge, endpoint) => {
  const nft = tables(BRIDGE);
  const machine = machineWith('192.0.2.10');
  const bridged: Packet = { ...packet('pod', '10.244.0.5'), interface: bridge, isBridged: true };
  // The second of all endpoints, or the only one that is here.
  const first = connect(nft, machine, bridged, bridge === 'cni0' ? 1 : 0);
  expect(fateText(first.fate)).toContain(endpoint);
  expect(trace(nft, machine, bridged).map(({ fate }) => fate)).toEqual([first.fate]);
});

it('a pod here has one endpoint by whichever address it comes', () => {
  const nft = tables(BRIDGE);
  const machine = machineWith('192.0.2.10');
  for (const [client, choice] of [
    ['10.244.0.5', 0],
    ['10.244.0.6', 1],
  ] as const) {
    const first = connect(nft, machine, packet('pod', client), choice);
    const next = trace(nft, machine, packet('pod', client, '10.0.0.1'));
    expect(next.map(({ fate }) => fate)).toEqual([first.fate]);
  }
});
