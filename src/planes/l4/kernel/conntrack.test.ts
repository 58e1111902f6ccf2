import { describe, expect, test } from 'vitest';
import { decodeFlow } from './conntrack.ts';

const flow = {
  protocol: 'udp',
  source: '10.0.0.1',
  sourcePort: 40_001,
  destination: '10.96.0.10',
  destinationPort: 53,
  replySource: '10.1.0.5',
  replySourcePort: 5353,
};
const original = 'src=10.0.0.1 dst=10.96.0.10 sport=40001 dport=53';
const reply = 'src=10.1.0.5 dst=10.0.0.1 sport=5353 dport=40001';

describe('a line of conntrack', () => {
  test.for([
    ['without a reply so far', `udp      17 29 ${original} [UNREPLIED] ${reply} mark=0 use=1`, flow],
    ['with one', `udp      17 119 ${original} ${reply} [ASSURED] mark=0 use=1`, flow],
    [
      'with counters',
      `udp      17 29 ${original} packets=1 bytes=64 ${reply} packets=1 bytes=64 mark=0 secctx=null zone=3 use=1`,
      flow,
    ],
    [
      'of IPv6',
      'udp      17 29 src=::1 dst=fd00::10 sport=60949 dport=53 [UNREPLIED] src=fd00:1::5 dst=::1 sport=5353 dport=60949 mark=0 use=1',
      {
        protocol: 'udp',
        source: '::1',
        sourcePort: 60_949,
        destination: 'fd00::10',
        destinationPort: 53,
        replySource: 'fd00:1::5',
        replySourcePort: 5353,
      },
    ],
    ['of TCP', `tcp      6 119 SYN_SENT ${original} [UNREPLIED] ${reply} mark=0 use=1`, { ...flow, protocol: 'tcp' }],
    ['of SCTP', `sctp     132 9 COOKIE_WAIT ${original} ${reply} mark=0 use=1`, undefined],
    ['with one direction only', `udp      17 29 ${original} mark=0`, undefined],
    ['of another kind', 'conntrack v1.4.7 (conntrack-tools): 4 flow entries have been shown.', undefined],
  ] as const)('%s', ([, line, decoded]) => {
    expect(decodeFlow(line)).toEqual(decoded);
  });
});
