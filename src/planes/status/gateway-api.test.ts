import { describe, expect, it } from 'vitest';
import type { Condition } from '../../compile/gateway/condition.ts';
import type { GatewayStatus, RouteStatus } from '../../compile/gateway/status-plan.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { ipAddressOf } from '../../model/grammar.ts';
import type { ParentReference } from '../../model/gateway/reference.ts';
import type { ObservedStatus } from '../../model/observed.ts';
import type { PublishedAddress } from '../../model/service.ts';
import { gatewayStatusPlane, GatewayWishes } from './gateway.ts';
import { POLICY_ANCESTORS, ROUTE_PARENTS, sharedListStatusPlane } from './shared-list.ts';
import type { StatusWrite, StatusWriter } from './status-writer.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const signal = new AbortController().signal;

/** A writer that remembers what it was given, and answers what the object shows then. */
class RememberingWriter implements StatusWriter<ObservedStatus> {
  readonly fieldManager = 'sluice';
  readonly writes: StatusWrite[] = [];
  generation = 1;

  write(write: StatusWrite): Promise<ObservedStatus> {
    this.writes.push(write);
    return Promise.resolve(seen(write.status as Readonly<Record<string, unknown>>, this.generation));
  }

  concernsAll(): boolean {
    return false;
  }
}

function seen(status: Readonly<Record<string, unknown>>, generation = 1): ObservedStatus {
  return { uid: 'u', generation, resourceVersion: '5', status };
}

const ACCEPTED: Condition = { type: 'Accepted', isTrue: true, reason: 'Accepted', message: '' };
const PROGRAMMED = { isTrue: true, reason: 'Programmed', message: '' };

function gateway(change: Partial<GatewayStatus> = {}): GatewayStatus {
  const listener = {
    name: 'a',
    supportedKinds: [{ group: 'g', kind: 'HTTPRoute' }],
    attachedRoutes: 0,
    conditions: [ACCEPTED],
  };
  const rest = { programmed: PROGRAMMED, addresses: undefined, wantedAddresses: [], listeners: [listener] };
  return { generation: 1, conditions: [ACCEPTED], ...rest, ...change };
}

function addresses(...texts: readonly string[]): readonly PublishedAddress[] {
  return texts.flatMap((text) => {
    const ip = ipAddressOf(text);
    return ip === undefined ? [] : [{ ip }];
  });
}

function parent(name: string, rest: Partial<ParentReference> = {}): ParentReference {
  const identity = { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: undefined, name, field: '' };
  return { ...identity, sectionName: undefined, port: undefined, ...rest };
}

function route(...names: readonly string[]): RouteStatus {
  return { generation: 1, parents: names.map((name) => ({ parent: parent(name), conditions: [ACCEPTED] })) };
}

const THEIRS = { parentRef: { name: 'g' }, controllerName: 'example.com/other', conditions: [] };

describe('the status of a Gateway', () => {
  const writer = new RememberingWriter();
  const plane = gatewayStatusPlane(writer, () => NOW);
  const wish = (status: GatewayStatus, ...texts: readonly string[]) => ({ ...status, addresses: addresses(...texts) });

  it('is written whole, with the generation and the time, and then not again', async () => {
    const want = wish(gateway(), '192.0.2.1');
    const shown = await plane.compare('n/g', want, seen({}))?.(signal);
    const dated = { status: 'True', observedGeneration: 1, lastTransitionTime: '2026-01-02T03:04:05Z', message: '' };
    expect(shown?.status).toEqual({
      addresses: [{ type: 'IPAddress', value: '192.0.2.1' }],
      conditions: [
        { type: 'Accepted', reason: 'Accepted', ...dated },
        { type: 'Programmed', reason: 'Programmed', ...dated },
      ],
      listeners: [
        {
          name: 'a',
          supportedKinds: [{ group: 'g', kind: 'HTTPRoute' }],
          attachedRoutes: 0,
          conditions: [{ type: 'Accepted', reason: 'Accepted', ...dated }],
        },
      ],
    });
    expect(plane.compare('n/g', want, shown)).toBeUndefined();
  });

  it('waits while the object is of another generation than what is known of it', () => {
    expect(plane.compare('n/g', wish(gateway(), '192.0.2.1'), seen({}, 2))).toBeUndefined();
  });

  it('keeps the time of a condition whose status stays, and the conditions of others', async () => {
    const later = gatewayStatusPlane(writer, () => NOW + 60_000);
    const shown = await plane.compare('n/g', wish(gateway(), '192.0.2.1'), seen({}))?.(signal);
    const conditions = [...((shown?.status['conditions'] as readonly unknown[] | undefined) ?? []), { type: 'Theirs' }];
    const before = seen({ ...shown?.status, conditions });
    const renamed = gateway({ conditions: [{ ...ACCEPTED, reason: 'ListenersNotValid' }] });
    const written = await later.compare('n/g', wish(renamed, '192.0.2.1'), before)?.(signal);
    expect(written?.status['conditions']).toMatchObject([
      { reason: 'ListenersNotValid', lastTransitionTime: '2026-01-02T03:04:05Z' },
      { reason: 'Programmed' },
    ]);
    expect(later.compare('n/g', wish(gateway(), '192.0.2.1'), before)).toBeUndefined();
  });

  it.each([
    ['no address', gateway(), [], 'AddressNotAssigned'],
    ['an address that no gateway has', gateway({ wantedAddresses: ['192.0.2.9'] }), ['192.0.2.1'], 'AddressNotUsable'],
    [
      'two addresses, of which no gateway has one',
      gateway({ wantedAddresses: ['192.0.2.1', '192.0.2.9'] }),
      ['192.0.2.1'],
      'AddressNotUsable',
    ],
    ['an address that one has', gateway({ wantedAddresses: ['192.0.2.1'] }), ['192.0.2.1', '192.0.2.2'], 'Programmed'],
    ['nothing to serve', gateway({ programmed: { isTrue: false, reason: 'Invalid', message: 'no' } }), [], 'Invalid'],
  ])('with %s has Programmed with its reason', async (_, status, texts, reason) => {
    const shown = await plane.compare('n/g', wish(status, ...texts), seen({}))?.(signal);
    expect(shown?.status['conditions']).toMatchObject([{}, { type: 'Programmed', reason }]);
    expect(shown?.status['addresses']).toHaveLength(status.wantedAddresses.includes('192.0.2.1') ? 1 : 0);
  });

  it('is wished for again where the addresses change, and is the same where nothing does', () => {
    const wishes = new GatewayWishes();
    const gateways = PersistentMap.from([['n/g', gateway()]] as const);
    const first = wishes.of(gateways, addresses('192.0.2.1'));
    expect(wishes.of(gateways, addresses('192.0.2.1'))).toBe(first);
    expect(wishes.of(gateways, addresses('192.0.2.2')).get('n/g')?.addresses).toEqual(addresses('192.0.2.2'));
  });
});

describe('the status of a route', () => {
  const writer = new RememberingWriter();
  let isKnown = true;
  const plane = sharedListStatusPlane(
    ROUTE_PARENTS,
    writer,
    () => NOW,
    () => isKnown,
  );

  it('has an entry for each parent beside those of other controllers, and is written as it was read', async () => {
    const shown = await plane.compare('n/r', route('g', 'h'), seen({ parents: [THEIRS] }))?.(signal);
    expect(shown?.status['parents']).toMatchObject([
      THEIRS,
      { parentRef: { name: 'g' }, controllerName: 'sluice.dev/gateway', conditions: [{ observedGeneration: 1 }] },
      { parentRef: { name: 'h' } },
    ]);
    expect(writer.writes.at(-1)?.resourceVersion).toBe('5');
    expect(plane.compare('n/r', route('g', 'h'), shown)).toBeUndefined();
    expect(plane.compare('n/r', route('g'), shown)).toBeDefined();
  });

  it('names a parent as the route does, and nothing besides', async () => {
    const parents = [{ parent: parent('g', { sectionName: 's', port: 80, namespace: 'm' }), conditions: [ACCEPTED] }];
    const shown = await plane.compare('n/r', { generation: 1, parents }, seen({}))?.(signal);
    expect(shown?.status['parents']).toMatchObject([
      {
        parentRef: {
          group: 'gateway.networking.k8s.io',
          kind: 'Gateway',
          namespace: 'm',
          name: 'g',
          sectionName: 's',
          port: 80,
        },
      },
    ]);
  });

  it('is taken back as far as it is ours, once it is known which routes are', async () => {
    const shown = await plane.compare('n/r', route('g'), seen({ parents: [THEIRS] }))?.(signal);
    isKnown = false;
    expect(plane.compare('n/r', undefined, shown)).toBeUndefined();
    isKnown = true;
    expect((await plane.compare('n/r', undefined, shown)?.(signal))?.status).toEqual({ parents: [THEIRS] });
    expect(plane.compare('n/r', undefined, seen({ parents: [THEIRS] }))).toBeUndefined();
  });
});

describe('the status of a policy', () => {
  const plane = sharedListStatusPlane(
    POLICY_ANCESTORS,
    new RememberingWriter(),
    () => NOW,
    () => true,
  );

  it('has an entry for each Gateway, as many as the API takes', async () => {
    const others = Array.from({ length: 14 }, () => THEIRS);
    const shown = await plane.compare('n/p', route('g', 'h', 'i'), seen({ ancestors: others }))?.(signal);
    expect(shown?.status['ancestors']).toMatchObject([
      ...others,
      { ancestorRef: { kind: 'Gateway', name: 'g' }, controllerName: 'sluice.dev/gateway' },
      { ancestorRef: { name: 'h' } },
    ]);
    expect(plane.compare('n/p', route('g', 'h', 'i'), shown)).toBeUndefined();
  });
});
