import { describe, expect, it } from 'vitest';
import { endpointOf } from '../../../test/l4/objects.ts';
import type { ServiceEndpoint } from '../endpoints.ts';
import { chooseEndpoints, type Chooser } from './endpoint-choice.ts';

const CHOOSER: Chooser = { nodeName: 'node-a', zone: 'zone-a', derivesHints: undefined };
const HERE = { nodeName: 'node-a', zone: 'zone-a' };
const NEAR = { nodeName: 'node-b', zone: 'zone-a' };
const FAR = { nodeName: 'node-c', zone: 'zone-b' };
const LEAVING = { ready: false, serving: true, terminating: true };
const GONE = { ready: false, serving: false, terminating: true };
const STARTING = { ready: false, serving: true, terminating: false };

const ZONES: Readonly<Record<string, string>> = { 'node-a': 'zone-a', 'node-b': 'zone-a', 'node-c': 'zone-b' };
const DERIVING = { derivesHints: { zoneOf: (node: string) => ZONES[node] } };

interface Case {
  readonly name: string;
  readonly endpoints: readonly ServiceEndpoint[];
  readonly chooser?: Partial<Chooser>;
  readonly distribution?: 'PreferSameZone' | 'PreferSameNode';
  readonly cluster: readonly string[];
  readonly local: readonly string[];
}

const CASES: readonly Case[] = [
  { name: 'nobody', endpoints: [], cluster: [], local: [] },
  {
    name: 'ready ones, wherever they are',
    endpoints: [endpointOf('10.0.0.1', HERE), endpointOf('10.0.0.2', FAR), endpointOf('10.0.0.3')],
    cluster: ['10.0.0.1', '10.0.0.2', '10.0.0.3'],
    local: ['10.0.0.1'],
  },
  {
    name: 'no terminating one while another is ready, on each list by itself',
    endpoints: [endpointOf('10.0.0.1', { ...HERE, ...LEAVING }), endpointOf('10.0.0.2', FAR)],
    cluster: ['10.0.0.2'],
    local: ['10.0.0.1'],
  },
  {
    name: 'those that still serve while they terminate, when none is ready',
    endpoints: [
      endpointOf('10.0.0.1', { ...HERE, ...LEAVING }),
      endpointOf('10.0.0.2', { ...FAR, ...LEAVING }),
      endpointOf('10.0.0.3', { ...HERE, ...GONE }),
      endpointOf('10.0.0.4', { ...HERE, ...STARTING }),
    ],
    cluster: ['10.0.0.1', '10.0.0.2'],
    local: ['10.0.0.1'],
  },
  {
    name: 'the terminating ones of every zone, whatever the hints',
    endpoints: [
      endpointOf('10.0.0.1', { ...HERE, ...LEAVING, forZones: ['zone-a'] }),
      endpointOf('10.0.0.2', { ...FAR, ...LEAVING, forZones: ['zone-b'] }),
    ],
    cluster: ['10.0.0.1', '10.0.0.2'],
    local: ['10.0.0.1'],
  },
  {
    name: 'hints for zones',
    endpoints: [
      endpointOf('10.0.0.1', { ...FAR, forZones: ['zone-b'] }),
      endpointOf('10.0.0.2', { ...FAR, forZones: ['zone-b', 'zone-a'] }),
    ],
    cluster: ['10.0.0.2'],
    local: [],
  },
  {
    name: 'hints for nodes before those for zones',
    endpoints: [
      endpointOf('10.0.0.1', { ...NEAR, forZones: ['zone-a'], forNodes: ['node-b'] }),
      endpointOf('10.0.0.2', { ...NEAR, forZones: ['zone-b'], forNodes: ['node-a'] }),
    ],
    cluster: ['10.0.0.2'],
    local: [],
  },
  {
    name: 'hints for zones, where those for nodes name others',
    endpoints: [
      endpointOf('10.0.0.1', { ...NEAR, forZones: ['zone-a'], forNodes: ['node-b'] }),
      endpointOf('10.0.0.2', { ...FAR, forZones: ['zone-b'], forNodes: ['node-c'] }),
    ],
    cluster: ['10.0.0.1'],
    local: [],
  },
  {
    name: 'no hints where one ready endpoint has none',
    endpoints: [endpointOf('10.0.0.1', { ...HERE, forZones: ['zone-a'] }), endpointOf('10.0.0.2', FAR)],
    cluster: ['10.0.0.1', '10.0.0.2'],
    local: ['10.0.0.1'],
  },
  {
    name: 'hints, where one without is not ready',
    endpoints: [
      endpointOf('10.0.0.1', { ...HERE, forZones: ['zone-a'] }),
      endpointOf('10.0.0.2', { ...FAR, ...LEAVING }),
    ],
    cluster: ['10.0.0.1'],
    local: ['10.0.0.1'],
  },
  {
    name: 'no hints where none is for us',
    endpoints: [
      endpointOf('10.0.0.1', { ...FAR, forZones: ['zone-b'] }),
      endpointOf('10.0.0.2', { ...FAR, forZones: ['zone-c'] }),
    ],
    cluster: ['10.0.0.1', '10.0.0.2'],
    local: [],
  },
  {
    name: 'no hints for zones where ours is not known',
    endpoints: [
      endpointOf('10.0.0.1', { ...HERE, forZones: ['zone-a'] }),
      endpointOf('10.0.0.2', { ...FAR, forZones: ['zone-b'] }),
    ],
    chooser: { zone: undefined },
    cluster: ['10.0.0.1', '10.0.0.2'],
    local: ['10.0.0.1'],
  },
  {
    name: 'no hints derived in a cluster, whose controller writes them',
    endpoints: [endpointOf('10.0.0.1', HERE), endpointOf('10.0.0.2', FAR)],
    distribution: 'PreferSameNode',
    cluster: ['10.0.0.1', '10.0.0.2'],
    local: ['10.0.0.1'],
  },
  {
    name: 'the same zone, derived',
    endpoints: [endpointOf('10.0.0.1', HERE), endpointOf('10.0.0.2', NEAR), endpointOf('10.0.0.3', FAR)],
    chooser: DERIVING,
    distribution: 'PreferSameZone',
    cluster: ['10.0.0.1', '10.0.0.2'],
    local: ['10.0.0.1'],
  },
  {
    name: 'the same node, derived',
    endpoints: [endpointOf('10.0.0.1', HERE), endpointOf('10.0.0.2', NEAR), endpointOf('10.0.0.3', FAR)],
    chooser: DERIVING,
    distribution: 'PreferSameNode',
    cluster: ['10.0.0.1'],
    local: ['10.0.0.1'],
  },
  {
    name: 'the same zone, where nobody is on the same node',
    endpoints: [endpointOf('10.0.0.2', NEAR), endpointOf('10.0.0.3', FAR)],
    chooser: DERIVING,
    distribution: 'PreferSameNode',
    cluster: ['10.0.0.2'],
    local: [],
  },
  {
    name: 'the same zone, which is that of the Node where the endpoint does not say it',
    endpoints: [
      endpointOf('10.0.0.1', HERE),
      endpointOf('10.0.0.2', { nodeName: 'node-b' }),
      endpointOf('10.0.0.3', { nodeName: 'node-c' }),
      endpointOf('10.0.0.4', { nodeName: 'node-c', zone: 'zone-a' }),
    ],
    chooser: DERIVING,
    distribution: 'PreferSameZone',
    cluster: ['10.0.0.1', '10.0.0.2', '10.0.0.4'],
    local: ['10.0.0.1'],
  },
  {
    name: 'all, where the zone of one is not known',
    endpoints: [endpointOf('10.0.0.1', HERE), endpointOf('10.0.0.2', { nodeName: 'node-x' })],
    chooser: DERIVING,
    distribution: 'PreferSameZone',
    cluster: ['10.0.0.1', '10.0.0.2'],
    local: ['10.0.0.1'],
  },
  {
    name: 'all, where one does not say where it stands',
    endpoints: [endpointOf('10.0.0.1', HERE), endpointOf('10.0.0.2')],
    chooser: DERIVING,
    distribution: 'PreferSameZone',
    cluster: ['10.0.0.1', '10.0.0.2'],
    local: ['10.0.0.1'],
  },
];

describe('the endpoints that are chosen', () => {
  it.each(CASES)('$name', ({ endpoints, chooser, distribution, cluster, local }) => {
    const chosen = chooseEndpoints(endpoints, distribution, { ...CHOOSER, ...chooser });
    expect(chosen.cluster.map(({ address }) => address)).toEqual(cluster);
    expect(chosen.local.map(({ address }) => address)).toEqual(local);
  });
});
