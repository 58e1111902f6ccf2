import { expect, it } from 'vitest';
import type { BgpSession, SessionId } from '../../compile/bgp/bgp-plan.ts';
import { ipAddressOf } from '../../model/grammar.ts';
import { peerStates } from './peer-states.ts';

function session(id: string, neighbor: BgpSession['neighbor'], isWatched = false): BgpSession {
  return {
    id: id as SessionId,
    peer: `m/${id}`,
    neighbor,
    localAs: 1,
    peerAs: 2,
    sourceAddress: undefined,
    holdTimeS: undefined,
    keepaliveTimeS: undefined,
    connectTimeS: undefined,
    routerId: undefined,
    password: undefined,
    bfd: isWatched ? { receiveIntervalMs: 1, transmitIntervalMs: 1, detectMultiplier: 1, isPassive: false } : undefined,
    hasGracefulRestart: false,
    isMultihop: false,
    vrf: undefined,
    families: [4],
  };
}

function at(text: string): BgpSession['neighbor'] {
  const address = ipAddressOf(text);
  if (address === undefined) throw new Error(text);
  return { kind: 'address', address, port: 179 };
}

/** As BIRD 2.0.12 answers. */
const PROTOCOLS = [
  { code: 2002, text: 'Name       Proto      Table      State  Since         Info' },
  { code: 1002, text: 'device1    Device     ---        up     12:55:42.615  ' },
  { code: 1002, text: 'good       BGP        ---        up     12:55:50.120  Established   ' },
  ...[
    '  BGP state:          Established',
    '    Neighbor address: 10.0.0.2',
    '    Neighbor AS:      64513',
    '    Last error:       Socket: Connection reset by peer',
    '  Channel ipv4',
    '    State:          UP',
    '    Routes:         0 imported, 3 exported, 0 preferred',
    '    Route change stats:     received   rejected   filtered    ignored   accepted',
    '      Import updates:              0          0          0          0          0',
    '      Export updates:              9          1          3        ---          5',
    '      Export withdraws:            2        ---        ---        ---          2',
  ].map((text) => ({ code: 1006, text })),
  {
    code: 1002,
    text: 'bad        BGP        ---        start  12:55:42.615  Connect       Socket: Connection refused',
  },
  ...[
    '  BGP state:          Connect',
    '    Neighbor address: 10.0.0.3',
    '    Neighbor AS:      64513',
    '    Last error:       Socket: Connection refused',
  ].map((text) => ({ code: 1006, text })),
  { code: 1002, text: 'link       BGP        ---        start  12:55:42.615  Passive       ' },
  { code: 1006, text: '  BGP state:          Passive' },
  { code: 1002, text: 'link_2_1   BGP        ---        up     12:56:42.615  Established   ' },
  { code: 1006, text: '  BGP state:          Established' },
  { code: 1006, text: '    Neighbor address: fe80::1%eth0' },
  { code: 1006, text: '    Neighbor AS:      64520' },
];

const BFD = [
  { code: 1020, text: 'bfd1:' },
  { code: 1020, text: 'IP address                Interface  State      Since         Interval  Timeout' },
  { code: 1020, text: '10.0.0.2                  eth0       Up         12:55:42.616    0.300    0.900' },
];

it('are what BIRD says of each session', () => {
  const sessions = [
    session('good', at('10.0.0.2'), true),
    session('bad', at('10.0.0.3'), true),
    session('link', { kind: 'interface', interface: 'eth0' }),
    session('gone', at('10.0.0.4')),
  ];
  const states = peerStates(sessions, PROTOCOLS, BFD);
  expect(states).toEqual([
    {
      peer: 'm/good',
      neighbor: '10.0.0.2',
      state: 'Established',
      isUp: true,
      since: '12:55:50.120',
      peerAs: 64513,
      announced: 3,
      updatesSent: 7,
      lastError: '',
      bfd: 'up',
    },
    expect.objectContaining({ state: 'Connect', isUp: false, lastError: 'Socket: Connection refused', bfd: 'down' }),
    expect.objectContaining({ neighbor: 'fe80::1', state: 'Established', peerAs: 64520, bfd: '-' }),
    expect.objectContaining({ neighbor: '10.0.0.4', state: 'Missing', isUp: false }),
  ]);
});
