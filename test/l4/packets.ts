import fc from 'fast-check';
import type { L4Plan } from '../../src/compile/l4/l4-plan.ts';
import type { Machine, Packet } from '../fakes/nft/packet-walk.ts';

/** The machine that the steps of snapshot-steps.ts are about. It has the addresses of some Services bound: 192.0.2.2 and 2001:db8::2. */
export const MACHINE: Machine = {
  addresses: new Set(['192.0.2.10', '192.0.2.2', '198.51.100.7', '2001:db8::10', '2001:db8::2', '127.0.0.1', '::1']),
};

interface Sender {
  readonly from: Packet['from'];
  readonly interface: string | undefined;
  readonly isBridged?: boolean;
  readonly v4: string;
  readonly v6: string;
}

const SENDERS: readonly Sender[] = [
  { from: 'pod', interface: 'cni0', v4: '10.244.0.1', v6: 'fd01::1' },
  { from: 'pod', interface: 'cni0', v4: '10.244.0.4', v6: 'fd01::4' },
  // Its address was that of the pod before, or will be.
  { from: 'outside', interface: 'eth0', v4: '10.244.0.4', v6: 'fd01::4' },
  { from: 'pod', interface: 'cni0', isBridged: true, v4: '10.244.0.4', v6: 'fd01::4' },
  { from: 'pod', interface: 'docker0', isBridged: true, v4: '172.17.0.4', v6: 'fd17::4' },
  { from: 'outside', interface: 'eth0', v4: '10.244.7.7', v6: 'fd01:0:0:7::7' },
  { from: 'outside', interface: 'eth0', v4: '203.0.113.5', v6: '2001:db8:ffff::5' },
  { from: 'outside', interface: 'eth0', v4: '192.0.2.77', v6: '2001:db9::5' },
  { from: 'node', interface: undefined, v4: '192.0.2.10', v6: '2001:db8::10' },
];

/** A question about some plan: most of them about an address that some Service has. */
export interface Question {
  readonly sender: Sender;
  readonly protocol: Packet['protocol'];
  readonly target: { readonly frontend: number } | { readonly address: string; readonly port: number };
}

export const question: fc.Arbitrary<Question> = fc.record({
  sender: fc.constantFrom(...SENDERS),
  protocol: fc.constantFrom('tcp', 'udp', 'sctp'),
  target: fc.oneof(
    { weight: 5, arbitrary: fc.record({ frontend: fc.nat(100) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        address: fc.constantFrom(
          '10.0.0.1',
          '10.0.0.2',
          'fd00::1',
          '10.0.0.6',
          'fd00::6',
          '192.0.2.2',
          '192.0.2.1',
          '192.0.2.10',
          '198.51.100.7',
          '2001:db8::10',
        ),
        port: fc.constantFrom(80, 81, 30_001, 30_005),
      }),
    },
  ),
});

/** The question as a packet to `plan`; undefined where there is nothing to ask. */
export function packetOf({ sender, protocol, target }: Question, plan: L4Plan): Packet | undefined {
  const aim = 'address' in target ? { ...target, protocol } : frontendOf(target.frontend, plan);
  if (aim === undefined) return undefined;
  const source = aim.address.includes(':') ? sender.v6 : sender.v4;
  return {
    from: sender.from,
    interface: sender.interface,
    isBridged: sender.isBridged === true,
    source,
    destination: aim.address,
    port: aim.port,
    protocol: aim.protocol,
  };
}

function frontendOf(
  index: number,
  plan: L4Plan,
): (Pick<Packet, 'protocol' | 'port'> & { readonly address: string }) | undefined {
  const all = plan.services.sorted().flatMap(([, service]) =>
    service.ports.flatMap(({ frontends, family, protocol }) =>
      frontends.flatMap(({ address, port }) => {
        const nodePortAddresses = plan.node.nodePortAddresses.filter((item) => item.includes(':') === (family === 6));
        const addresses = address === undefined ? nodePortAddresses : [address];
        // The lower-case name is the protocol's name in the packet.
        return addresses.map((item) => ({
          address: item,
          port,
          protocol: protocol.toLowerCase() as Packet['protocol'],
        }));
      }),
    ),
  );
  return all[index % Math.max(1, all.length)];
}
