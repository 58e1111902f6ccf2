import { printCommand } from '../rules/command.ts';
import { describe, expect, it } from 'vitest';
import { BALANCE, frontendOf, planOf, target } from '../../../../test/l4/objects.ts';
import type { ServicePlan } from '../../../compile/l4/l4-plan.ts';
import {
  clientsMapsOf,
  decodeClients,
  disturbedMaps,
  forget,
  remembersNobody,
  staleClients,
  strayDeclarations,
} from './stale-clients.ts';

function sticky(endpoints: readonly string[], timeoutS = 60): ServicePlan {
  return planOf({ cluster: endpoints.map(target), affinityTimeoutS: timeoutS });
}

const A = '10.244.0.1:8080';
const B = '10.244.0.2:8080';
const MAP = 'clients-ns/web/tcp/8080';

describe('the maps that a change may have left wrong', () => {
  it.each<readonly [string, ServicePlan | undefined, ServicePlan | undefined, readonly string[]]>([
    ['one more endpoint: none', sticky([A]), sticky([A, B]), []],
    ['one less', sticky([A, B]), sticky([A]), [MAP]],
    ['another timeout: none', sticky([A], 60), sticky([A], 120), []],
    [
      'another port: a map of its own, which may be there from before',
      sticky([A]),
      sticky(['10.244.0.1:9090']),
      ['clients-ns/web/tcp/9090'],
    ],
    ['a Service that came, or came back', undefined, sticky([A]), [MAP]],
    ['affinity that came', planOf({ cluster: [target(A)] }), sticky([A]), [MAP]],
    ['a Service that went: its map goes as a whole', sticky([A]), undefined, []],
    ['no affinity', planOf({ cluster: [target(A)] }), planOf({}), []],
  ])('%s', (_, before, after, names) => {
    expect(disturbedMaps({ before, after }).map(({ name }) => name)).toEqual(names);
  });
});

it.each<readonly [string, readonly (readonly [table: string, chain: string])[], boolean]>([
  ['only the chains that are always there', [['sluice-affinity', 'remember']], true],
  [
    'clients of a Service',
    [
      ['sluice-affinity', 'remember'],
      ['sluice-affinity', 'recall-1'],
    ],
    false,
  ],
  ['no table of ours: to be told from an empty one', [['other', 'recall-1']], false],
])('that nobody is remembered is told from the chains: %s', (_, chains, nobody) => {
  const nftables = chains.map(([table, name]) => ({ chain: { family: 'ip', table, name, handle: 1 } }));
  expect(remembersNobody({ nftables: [{ metainfo: {} }, ...nftables] })).toBe(nobody);
});

it('a client is forgotten where its endpoint is not there any more, and in no other map', () => {
  const found = [
    { map: MAP, client: '10.244.1.1', endpoint: '10.244.0.1' },
    { map: MAP, client: '10.244.1.2', endpoint: '10.244.0.9' },
    { map: 'clients-ns/other/tcp/8080', client: '10.244.1.2', endpoint: '10.244.0.9' },
  ];
  const stale = staleClients(found, clientsMapsOf(sticky([A, B])));
  expect(forget(stale, 4).map(printCommand)).toEqual([`delete element ip sluice-affinity ${MAP} { 10.244.1.2 }`]);
});

it('frontends under another policy have clients of their own', () => {
  const external = frontendOf({ kind: 'LoadBalancer', action: { ...BALANCE, list: 'local', hasShortCircuit: true } });
  const plan = planOf({
    frontends: [frontendOf(), external],
    cluster: [target(A), target(B)],
    local: [target(A)],
    affinityTimeoutS: 60,
  });
  expect(clientsMapsOf(plan).map(({ name }) => name)).toEqual([MAP, 'clients-ns/web/tcp/external-local/8080']);
});

const LISTED = {
  nftables: [
    { metainfo: {} },
    { chain: { family: 'ip', table: 'sluice-affinity', name: 'recall-ns/web/tcp/8080' } },
    { chain: { family: 'ip', table: 'sluice-affinity', name: 'recall-ns/gone/tcp/8080' } },
    { chain: { family: 'ip', table: 'sluice-affinity', name: 'remember' } },
    {
      map: {
        name: MAP,
        elem: [
          [{ elem: { val: '10.244.1.1', timeout: 60, expires: 9 } }, '10.244.0.1'],
          ['10.244.1.2', '10.244.0.2'],
        ],
      },
    },
    { map: { name: 'clients-ns/gone/tcp/8080' } },
    { map: { name: 'recalled', elem: [[{ concat: ['10.0.0.1', 'tcp', 80] }, { goto: { target: 'x' } }]] } },
  ],
};

it('clients are read from what nft lists, and nothing else is', () => {
  expect(decodeClients(LISTED)).toEqual([
    { map: MAP, client: '10.244.1.1', endpoint: '10.244.0.1' },
    { map: MAP, client: '10.244.1.2', endpoint: '10.244.0.2' },
  ]);
  expect(decodeClients('what?')).toEqual([]);
});

it('what belongs to no Service any more is found, chains before the maps they hold', () => {
  expect(strayDeclarations(LISTED, [sticky([A])], 4)).toEqual([
    'chain ip sluice-affinity recall-ns/gone/tcp/8080',
    'map ip sluice-affinity clients-ns/gone/tcp/8080',
  ]);
});
