/** Strings of users on their way to bird.conf. What a line may be is written here from BIRD's manual, not from our encoders. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { STANDALONE_SETTINGS } from '../../src/app/check.ts';
import { Compiler } from '../../src/compile/compiler.ts';
import { NO_NODE_FACTS } from '../../src/compile/settings.ts';
import { renderConfiguration, withKeptPasswords } from '../../src/planes/bgp/configuration.ts';
import { admitObject } from '../../src/sources/admit/admit.ts';
import { Store } from '../../src/sources/store.ts';
import { attack, attacked } from './hostile.ts';
import { placesOf, read, write, type Json } from './objects.ts';

function object(
  kind: string,
  name: string,
  rest: { readonly [name: string]: Json },
  group = 'metallb.io/v1beta1',
): Json {
  return { apiVersion: group, kind, metadata: { name, namespace: 'm' }, ...rest };
}

/** Every field of BGP that holds a string, in objects that make all there is in bird.conf. */
const OBJECTS: readonly Json[] = [
  object('IPAddressPool', 'pool', { spec: { addresses: ['192.0.2.0/28', '2001:db8::/124'] } }),
  object(
    'BGPPeer',
    'peer',
    {
      spec: {
        myASN: 64512,
        peerASN: 64513,
        peerAddress: '192.0.2.1',
        sourceAddress: '192.0.2.2',
        routerID: '192.0.2.3',
        holdTime: '90s',
        keepaliveTime: '30s',
        connectTime: '10s',
        password: 'secret',
        bfdProfile: 'fast',
        vrf: 'red',
      },
    },
    'metallb.io/v1beta2',
  ),
  object(
    'BGPPeer',
    'link',
    { spec: { myASN: 64512, dynamicASN: 'external', interface: 'eth0', passwordSecret: { name: 'word' } } },
    'metallb.io/v1beta2',
  ),
  object('BFDProfile', 'fast', { spec: {} }),
  object('Secret', 'word', { stringData: { password: 'other' } }, 'v1'),
  object('Community', 'names', { spec: { communities: [{ name: 'mark', value: '1:2' }] } }),
  object('BGPAdvertisement', 'all', { spec: { communities: ['mark', '3:4', 'large:5:6:7'], peers: ['peer', 'link'] } }),
];

function configurationOf(objects: readonly Json[]): string {
  const store = new Store();
  for (const raw of objects) {
    const admission = admitObject(raw);
    if (admission?.change !== undefined) store.commit([admission.change]);
  }
  const settings = {
    ...STANDALONE_SETTINGS,
    addresses: { className: undefined, pool: [], reportsMissingPools: true },
    bgp: { nodeName: 'a', isOnlyWay: true, published: { pool: [], className: undefined } },
  };
  store.commit([{ table: 'complete', key: 'Secret', value: true }]);
  const { bgp } = new Compiler(settings).compile(store.snapshot, { nowMs: 0, node: NO_NODE_FACTS });
  if (bgp === undefined) throw new Error('nothing is announced');
  return renderConfiguration(withKeptPasswords(bgp, ''), { routeTable: 179, listenPort: 179 }, '/state/bgp').text;
}

const NAME = String.raw`'[A-Za-z0-9_.-]{1,63}'`;
const NUMBER = String.raw`\d{1,10}`;
const IP = String.raw`[0-9a-f.:]{2,39}`;
const STRING = String.raw`"[ !#-~]*"`;
const LINES = [
  '',
  '# Written by Sluice[^\n]*',
  'define sluice_configuration = "[0-9a-f]{64}";',
  `log ${STRING} ${NUMBER} ${STRING} \\{ [a-z, ]+ \\};`,
  `router id ${IP};`,
  `graceful restart wait ${NUMBER};`,
  `timeformat protocol ${STRING};`,
  'protocol (?:device|bfd|kernel vips[46]_kernel) \\{',
  'ipv[46] table vips[46];',
  `kernel table ${NUMBER};`,
  'learn;',
  `scan time ${NUMBER};`,
  'ipv[46] \\{',
  'table vips[46];',
  '(?:import all|export none|multihop);',
  '\\};?',
  `filter ${NAME} \\{`,
  'if !defined\\(krt_metric\\) then reject;',
  'case krt_metric \\{',
  `${NUMBER}: \\{ (?:bgp_local_pref = ${NUMBER}; )?(?:bgp_(?:large_)?community\\.add\\(\\([0-9,]+\\)\\); )*accept; \\}`,
  'reject;',
  `protocol bgp ${NAME} \\{`,
  `(?:vrf|interface|password|dynamic name) ${STRING};`,
  `local port ${NUMBER} as ${NUMBER};`,
  `neighbor (?:${IP} port ${NUMBER}|range fe80::/10) (?:as ${NUMBER}|external|internal);`,
  `source address ${IP};`,
  `(?:hold|keepalive|connect retry|connect delay) time ${NUMBER};`,
  'error wait time 1, 30;',
  `bfd \\{ [a-z0-9; ]+ \\};`,
  `ipv[46] \\{ table vips[46]; import none; export filter ${NAME};(?: extended next hop on;)? \\};`,
].map((pattern) => new RegExp(`^\\s*${pattern}$`));

function expectKnownLines(text: string): void {
  for (const line of text.split('\n'))
    expect(
      LINES.some((pattern) => pattern.test(line)),
      line,
    ).toBe(true);
}

const marks = OBJECTS.flatMap((item, index) => placesOf(item).map((place) => ({ index, place })));

it('harmless strings make every kind of line', () => {
  const text = configurationOf(OBJECTS);
  expectKnownLines(text);
  for (const word of ['vrf "red"', 'password "secret"', 'password "other"', 'interface "eth0"', '(5,6,7)', 'bfd {'])
    expect(text).toContain(word);
});

it('strings of users never become syntax of bird.conf, nor a line', () => {
  const lines = configurationOf(OBJECTS).split('\n').length;
  fc.assert(
    fc.property(fc.constantFrom(...marks), attack, ({ index, place }, change) => {
      const objects = OBJECTS.map((item, number) =>
        number === index ? write(item, place, attacked(read(item, place), change)) : item,
      );
      const text = configurationOf(objects);
      expectKnownLines(text);
      expect(text.split('\n').length).toBeLessThanOrEqual(lines + 2);
    }),
    { numRuns: 1000 },
  );
});
