import { describe, expect, it } from 'vitest';
import { FakeNft } from './fake-nft.ts';
import { connect, fateText, trace } from './trace.ts';
import type { Packet } from './packet-walk.ts';

const VIP = 'ip daddr . meta l4proto . th dport';

/** A table with one of each, as our renderer makes them. */
const TABLE = [
  'add table ip t',
  `add map ip t services { typeof ${VIP} : verdict; }`,
  `add map ip t endpoints { typeof ${VIP} . numgen random mod 65536 : ip daddr . tcp dport; }`,
  'add map ip t addresses { typeof ip saddr : ip daddr; }',
  'add set ip t ranges { typeof ip saddr; flags interval; }',
  'add set ip t hairpins { typeof ip saddr . ip daddr; }',
  'add chain ip t refuse',
  'add rule ip t refuse meta l4proto tcp reject with tcp reset',
  'add rule ip t refuse reject',
  'add chain ip t spread',
  `add rule ip t spread dnat ip to ${VIP} . numgen random mod 2 map @endpoints`,
  'add rule ip t spread goto refuse',
  'add chain ip t prerouting { type nat hook prerouting priority -100; comment "in"; }',
  `add rule ip t prerouting ${VIP} vmap @services`,
  'add chain ip t postrouting { type nat hook postrouting priority 100; comment "out"; }',
  'add rule ip t postrouting ct status dnat ip saddr . ip daddr @hairpins masquerade fully-random',
  'add element ip t services { 10.0.0.1 . tcp . 80 comment "ns/a" : goto spread, 10.0.0.2 . tcp . 80 : drop }',
  'add element ip t services { 10.0.0.3 . udp . 53 : goto refuse }',
  'add element ip t endpoints { 10.0.0.1 . tcp . 80 . 0 : 10.1.0.1 . 8080, 10.0.0.1 . tcp . 80 . 1 : 10.1.0.2 . 8080 }',
  'add element ip t ranges { 10.244.0.0/16, 192.0.2.1 }',
  'add element ip t hairpins { 10.1.0.1 . 10.1.0.1 }',
];

function filled(): FakeNft {
  const nft = new FakeNft();
  nft.apply(TABLE);
  return nft;
}

describe('a transaction', () => {
  it.each([
    ['the same again', TABLE.filter((line) => !line.startsWith('add rule'))],
    [
      'another value after the deletion',
      [
        'delete element ip t services { 10.0.0.2 . tcp . 80 }',
        'add element ip t services { 10.0.0.2 . tcp . 80 : goto spread }',
      ],
    ],
    ['a deletion that names the value', ['delete element ip t services { 10.0.0.2 . tcp . 80 : drop }']],
    ['a table away and back', ['delete table ip t', ...TABLE]],
    ['an emptied map', ['flush map ip t services']],
    ['the end of a chain that nothing goes to', ['add chain ip t idle', 'delete chain ip t idle']],
    ['a chain with other rules', ['flush chain ip t spread', 'add rule ip t spread goto refuse']],
    [
      'a range in the place of one inside it',
      ['delete element ip t ranges { 10.244.0.0/16 }', 'add element ip t ranges { 10.0.0.0/8 }'],
    ],
  ])('is taken: %s', (_, commands) => {
    expect(() => filled().apply(commands)).not.toThrow();
  });

  it.each([
    ['an element with another value', 'add element ip t services { 10.0.0.2 . tcp . 80 : goto spread }', /File exists/],
    [
      'an element that is there, made anew',
      'create element ip t services { 10.0.0.2 . tcp . 80 : drop }',
      /File exists/,
    ],
    ['an element that is not there', 'delete element ip t services { 10.0.0.9 . tcp . 80 }', /No such file/],
    [
      'a deletion with another value',
      'delete element ip t services { 10.0.0.2 . tcp . 80 : goto spread }',
      /No such file/,
    ],
    ['a verdict to nowhere', 'add element ip t services { 10.0.0.9 . tcp . 80 : goto nowhere }', /chain nowhere/],
    ['a verdict in a set', 'add element ip t hairpins { 10.1.0.2 . 10.1.0.2 : drop }', /value/],
    ['a map element without a value', 'add element ip t services { 10.0.0.9 . tcp . 80 }', /value is missing/],
    ['a key of another form', 'add element ip t services { 10.0.0.9 . 80 : drop }', /is no key of services/],
    ['an address of the other family', 'add element ip t hairpins { fd00::1 . fd00::1 }', /is no key/],
    ['a port that is none', 'add element ip t services { 10.0.0.9 . tcp . 65536 : drop }', /is no key/],
    [
      'an endpoint of the other family',
      'add element ip t endpoints { 10.0.0.1 . tcp . 80 . 2 : fd00::1 . 80 }',
      /address and port/,
    ],
    ['a range in a set without them', 'add element ip t hairpins { 10.1.0.0/24 . 10.1.0.1 }', /is no key/],
    ['a range within another', 'add element ip t ranges { 10.244.1.0/24 }', /conflicting/],
    ['the end of a chain that an element goes to', 'delete chain ip t spread', /busy/],
    ['the end of a chain that a rule goes to', 'delete chain ip t refuse', /busy/],
    ['the end of a map that a rule looks into', 'delete map ip t endpoints', /busy/],
    ['the end of a chain that is not there', 'delete chain ip t nowhere', /chain nowhere/],
    ['a map to ports of any protocol', 'add map ip t m { typeof ip saddr : ip daddr . th dport; }', /whose protocol/],
    [
      'a map to addresses as one to endpoints',
      'add rule ip t spread dnat ip to ip saddr map @addresses',
      /used for endpoint/,
    ],
    ['a set that is not there', 'add element ip t nothing { 10.0.0.1 }', /set nothing/],
    ['a table that is not there', 'add set ip u s { typeof ip saddr; }', /table ip u/],
    ['the end of a table that is not there', 'delete table ip u', /table ip u/],
    ['a set declared otherwise', 'add set ip t ranges { typeof ip saddr; }', /declared otherwise/],
    [
      'a chain at another hook',
      'add chain ip t prerouting { type nat hook output priority -100; comment "in"; }',
      /File exists/,
    ],
    ['a rule in a chain that is not there', 'add rule ip t nowhere drop', /chain nowhere/],
    ['a rule that goes nowhere', 'add rule ip t spread goto nowhere', /chain nowhere/],
    ['a rule with a set that is not there', 'add rule ip t spread ip saddr @nothing drop', /set nothing/],
    ['a set as a map', `add rule ip t spread ip saddr vmap @ranges`, /used for verdict/],
    ['a key that the map has not', 'add rule ip t spread ip daddr vmap @services', /datatype mismatch/],
    [
      'a port without its protocol',
      'add rule ip t spread ct original ip daddr . meta l4proto . ct original proto-dst vmap @services',
      /protocol is not known/,
    ],
    ['a rule of the other family', 'add rule ip t spread ip6 daddr @ranges drop', /in a table of family ip/],
    ['a rule that is none of ours', 'add rule ip t spread tcp flags syn drop', /no rule of ours/],
    ['a command that is none of ours', 'list ruleset', /no command of ours/],
    ['a set with other options', 'add set ip t s { typeof ip saddr; flags constant; }', /no options of ours/],
  ])('is refused as a whole: %s', (_, command, message) => {
    const nft = filled();
    const before = JSON.stringify(
      [...nft.tables].map(([name, { sets }]) => [name, [...sets].map(([set, { elements }]) => [set, [...elements]])]),
    );
    expect(() => nft.apply(['add element ip t hairpins { 10.1.0.9 . 10.1.0.9 }', command])).toThrow(message);
    const after = JSON.stringify(
      [...nft.tables].map(([name, { sets }]) => [name, [...sets].map(([set, { elements }]) => [set, [...elements]])]),
    );
    expect(after).toBe(before);
  });
});

const MACHINE = { addresses: new Set(['192.0.2.10']) };

function packet(given: Partial<Packet>): Packet {
  return {
    from: 'pod',
    source: '10.1.0.1',
    interface: 'cni0',
    destination: '10.0.0.1',
    protocol: 'tcp',
    port: 80,
    ...given,
  };
}

describe('a packet', () => {
  it.each([
    [
      'is spread, and masqueraded where it comes back to its sender',
      {},
      ['10.1.0.1:8080 masqueraded', '10.1.0.2:8080'],
    ],
    ['is dropped', { destination: '10.0.0.2' }, ['dropped']],
    ['is refused', { destination: '10.0.0.3', protocol: 'udp', port: 53 }, ['refused']],
    ['passes when nothing is known of it', { port: 81 }, ['passed']],
    ['of another family passes', { destination: 'fd00::1', source: 'fd00::2' }, ['passed']],
    ['of the node does not meet prerouting', { from: 'node', source: '192.0.2.10', interface: undefined }, ['passed']],
  ] as const)('%s', (_, given, fates) => {
    expect(trace(filled(), MACHINE, packet(given)).map(({ fate }) => fateText(fate))).toEqual(fates);
  });

  it('tells what decided', () => {
    expect(trace(filled(), MACHINE, packet({ destination: '10.0.0.2' }))[0]?.trail).toEqual([
      `ip t prerouting: ${VIP} vmap @services`,
      '  ip t services { 10.0.0.2 . tcp . 80 : drop }',
    ]);
  });

  it('meets a slot without endpoint: refused, not passed on', () => {
    const nft = filled();
    nft.apply(['delete element ip t endpoints { 10.0.0.1 . tcp . 80 . 1 }']);
    expect(trace(nft, MACHINE, packet({})).map(({ fate }) => fateText(fate))).toEqual([
      '10.1.0.1:8080 masqueraded',
      'refused',
    ]);
  });

  it('is translated by the first chain of a hook that does, and meets no other one there', () => {
    const nft = filled();
    nft.apply([
      'add map ip t early { typeof ip daddr . meta l4proto . th dport : ip daddr . tcp dport; }',
      'add chain ip t first { type nat hook prerouting priority -101; comment "before"; }',
      `add rule ip t first dnat ip to ${VIP} map @early`,
      'add element ip t early { 10.0.0.2 . tcp . 80 : 10.1.0.9 . 9090 }',
    ]);
    expect(trace(nft, MACHINE, packet({ destination: '10.0.0.2' })).map(({ fate }) => fateText(fate))).toEqual([
      '10.1.0.9:9090',
    ]);
  });

  it('of another protocol than the ports of the map is not translated by it', () => {
    const nft = filled();
    nft.apply([
      'add element ip t services { 10.0.0.1 . udp . 80 : goto spread }',
      'add element ip t endpoints { 10.0.0.1 . udp . 80 . 0 : 10.1.0.1 . 8080 }',
    ]);
    expect(trace(nft, MACHINE, packet({ protocol: 'udp' })).map(({ fate }) => fateText(fate))).toEqual(['refused']);
  });

  it('comes back from a chain it jumped to, not from one it went to', () => {
    const nft = filled();
    nft.apply([
      'flush chain ip t prerouting',
      'add chain ip t empty',
      'add chain ip t leads',
      'add rule ip t leads goto empty',
      'add rule ip t leads drop',
      'add rule ip t prerouting jump leads',
      'add rule ip t prerouting goto refuse',
    ]);
    expect(trace(nft, MACHINE, packet({})).map(({ fate }) => fateText(fate))).toEqual(['refused']);
  });
});

describe('what is remembered', () => {
  function remembering(): FakeNft {
    const nft = filled();
    nft.apply([
      'add map ip t clients { typeof ip saddr : ip daddr; flags dynamic,timeout; size 10; }',
      'add chain ip t before { type nat hook prerouting priority -101; comment "known"; }',
      'add rule ip t before meta l4proto tcp dnat ip to ip saddr map @clients : 8080',
      'add chain ip t after { type nat hook postrouting priority 90; comment "to know"; }',
      'add rule ip t after tcp dport 8080 update @clients { ip saddr timeout 30s : ip daddr }',
      'add rule ip t after tcp dport 9090 update @clients { ip saddr timeout 99s : ip saddr }',
    ]);
    return nft;
  }

  it('is found again by the same client alone, until its time is over', () => {
    const nft = remembering();
    const fates = (given: Partial<Packet>): readonly string[] =>
      trace(nft, MACHINE, packet(given)).map(({ fate }) => fateText(fate));
    const source = '10.1.0.7';
    connect(nft, MACHINE, packet({ source }), 1);
    expect(fates({ source })).toEqual(['10.1.0.2:8080']);
    expect(fates({ source: '10.1.0.8' })).toEqual(['10.1.0.1:8080', '10.1.0.2:8080']);
    nft.advance(29);
    connect(nft, MACHINE, packet({ source }), 0);
    nft.advance(29);
    expect(fates({ source })).toEqual(['10.1.0.2:8080']);
    nft.advance(1);
    expect(fates({ source })).toEqual(['10.1.0.1:8080', '10.1.0.2:8080']);
  });
});
