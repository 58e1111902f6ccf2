import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ip } from '../../../test/l4/snapshot-steps.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { AddressPool, PoolReservation } from '../../model/address-pool.ts';
import { addressRangeOf } from '../../model/address-range.ts';
import type { Labels } from '../../model/label-selector.ts';
import { keyOf } from '../../model/object.ts';
import { DEFAULT_TRAFFIC, type LoadBalancerWish, type Service, type ServiceTraffic } from '../../model/service.ts';
import { EMPTY_SNAPSHOT, type Snapshot } from '../../model/snapshot.ts';
import { AddressAllocator } from './address-allocator.ts';

interface PoolOptions {
  readonly isAutomatic?: boolean;
  readonly reserved?: Partial<PoolReservation>;
  readonly createdMs?: number;
}

function pool(name: string, ranges: readonly string[], options: PoolOptions = {}): AddressPool {
  const { isAutomatic = true, reserved, createdMs = 0 } = options;
  const none = { priority: 0, namespaces: [], namespaceSelectors: [], serviceSelectors: [] };
  return {
    meta: { namespace: 'metallb-system', name, uid: '', createdMs },
    labels: {},
    ranges: ranges.flatMap((text) => addressRangeOf(text) ?? []),
    isAutomatic,
    avoidsBuggyAddresses: false,
    reserved: reserved === undefined ? undefined : { ...none, ...reserved },
  };
}

interface ServiceOptions extends Partial<Omit<LoadBalancerWish, 'request'>> {
  readonly createdMs?: number;
  readonly namespace?: string;
  readonly asks?: readonly string[] | undefined;
  readonly has?: readonly string[];
  readonly ports?: readonly string[];
  readonly traffic?: Partial<ServiceTraffic>;
}

function service(name: string, options: ServiceOptions = {}): Service {
  const { createdMs = 0, namespace = 'ns', asks, has = [], ports = ['TCP/80'], traffic, ...wish } = options;
  return {
    meta: { namespace, name, uid: '', createdMs },
    type: 'LoadBalancer',
    ports: ports.map((text) => ({
      name: text,
      port: Number(text.slice(4)),
      protocol: text.startsWith('UDP') ? 'UDP' : 'TCP',
      targetPort: undefined,
      appProtocol: undefined,
      nodePort: undefined,
    })),
    externalName: undefined,
    publishedAddresses: has.map((address) => ({ ip: ip(address) })),
    traffic: { ...DEFAULT_TRAFFIC, loadBalancerIps: has.map(ip), ...traffic },
    loadBalancer: {
      className: undefined,
      request: asks === undefined ? { kind: 'any' } : { kind: 'addresses', addresses: asks.map(ip), field: 'asked' },
      pool: undefined,
      sharingKey: undefined,
      labels: {},
      allocatedFrom: undefined,
      virtualRouters: [],
      selector: '',
      ...wish,
    },
  };
}

const dual = (policy: 'PreferDualStack' | 'RequireDualStack', ...ips: readonly string[]): Partial<ServiceTraffic> => ({
  clusterIps: ips.map(ip),
  families: { policy, families: [] },
});

/** A cluster in which pools and Services come and go, and what becomes of their addresses. */
class Scene {
  readonly allocator: AddressAllocator;
  #snapshot: Snapshot = EMPTY_SNAPSHOT;
  #nowMs = 1_000_000;
  readonly #findings = new Map<string, readonly string[]>();

  constructor(reportsMissingPools = false) {
    this.allocator = new AddressAllocator({ className: undefined, pool: [], reportsMissingPools });
  }

  pools(...pools: readonly AddressPool[]): this {
    const addressPools = PersistentMap.from(pools.map((item) => [keyOf(item.meta), item]));
    return this.#see({ ...this.#snapshot, addressPools }, []);
  }

  later(ms: number): this {
    this.#nowMs += ms;
    return this.#see(this.#snapshot, []);
  }

  namespace(name: string, labels: Labels): this {
    const meta = { namespace: '', name, uid: '', createdMs: 0 };
    const namespaces = this.#snapshot.namespaces.set(name, { meta, labels });
    return this.#see({ ...this.#snapshot, namespaces }, []);
  }

  put(...items: readonly Service[]): this {
    let { services } = this.#snapshot;
    for (const item of items) services = services.set(keyOf(item.meta), item);
    return this.#see(
      { ...this.#snapshot, services },
      items.map((item) => keyOf(item.meta)),
    );
  }

  remove(...names: readonly string[]): this {
    let { services } = this.#snapshot;
    for (const name of names) services = services.delete(`ns/${name}`);
    return this.#see(
      { ...this.#snapshot, services },
      names.map((name) => `ns/${name}`),
    );
  }

  /** `name: addresses` of every Service that has some. */
  get has(): Readonly<Record<string, string>> {
    const rows = this.allocator.assignments.sorted();
    return Object.fromEntries(rows.map(([key, { addresses }]) => [key.replace('ns/', ''), addresses.join(' ')]));
  }

  /** Messages by Service or pool, of those with any. */
  get says(): Readonly<Record<string, string>> {
    const rows = [...this.#findings].filter(([, messages]) => messages.length > 0);
    return Object.fromEntries(rows.map(([key, messages]) => [key.replace('address:ns/', ''), messages.join('; ')]));
  }

  #see(snapshot: Snapshot, changed: readonly string[]): this {
    this.#snapshot = snapshot;
    for (const [producer, findings] of this.allocator.update(new Set(changed), snapshot, this.#nowMs).findings)
      this.#findings.set(
        producer,
        findings.map(({ reason, message }) => `${reason}: ${message}`),
      );
    return this;
  }
}

const small = pool('small', ['192.0.2.1-192.0.2.2']);

describe('addresses from pools', () => {
  it('are the first free ones, for the oldest first', () => {
    const scene = new Scene()
      .pools(small)
      .put(service('b', { createdMs: 2 }), service('a', { createdMs: 3 }), service('c', { createdMs: 1 }));
    expect(scene.has).toEqual({ c: '192.0.2.1', b: '192.0.2.2' });
    expect(scene.says).toEqual({
      a: 'AddressPoolExhausted: no address is free: all of pool small are taken, by ns/b, ns/c',
    });
  });

  it('are given to who waits as soon as one is given back, or a pool has more', () => {
    const scene = new Scene().pools(small).put(service('a'), service('b'), service('c'), service('d'));
    scene.remove('a');
    expect(scene.has).toEqual({ b: '192.0.2.2', c: '192.0.2.1' });
    scene.pools(pool('small', ['192.0.2.1-192.0.2.3']));
    expect(scene.has).toEqual({ b: '192.0.2.2', c: '192.0.2.1', d: '192.0.2.3' });
    expect(scene.says).toEqual({});
  });

  it('are given back by a Service that is of another type or class', () => {
    const scene = new Scene().pools(small).put(service('a'), service('b'));
    scene.put({ ...service('a'), type: 'ClusterIP', loadBalancer: undefined }, service('b', { className: 'other/lb' }));
    expect([scene.has, scene.says]).toEqual([{}, {}]);
  });

  it('stay when a pool changes and still has them, and follow where it has not', () => {
    const scene = new Scene().pools(small).put(service('a'), service('b'));
    scene.pools(pool('small', ['192.0.2.0/24']));
    expect(scene.has).toEqual({ a: '192.0.2.1', b: '192.0.2.2' });
    scene.pools(pool('small', ['192.0.2.2-192.0.2.9']));
    expect(scene.has).toEqual({ a: '192.0.2.3', b: '192.0.2.2' });
  });

  it('stay when all pools are gone, which may be an API server that has lost its CRDs', () => {
    const scene = new Scene().pools(small).put(service('a')).pools().put(service('b'));
    expect([scene.has, scene.says]).toEqual([{ a: '192.0.2.1' }, {}]);
    expect(scene.pools(small).has).toEqual({ a: '192.0.2.1', b: '192.0.2.2' });
  });

  it('stay for a while when one of several pools is gone, and for good when the others follow', () => {
    const [one, two] = [pool('one', ['192.0.2.1/32']), pool('two', ['198.51.100.1-198.51.100.9'])];
    const scene = new Scene().pools(one, two).put(service('a'), service('b'));
    const had = { a: '192.0.2.1', b: '198.51.100.1' };
    expect(scene.pools(two).put(service('c', { asks: ['192.0.2.1'] })).has).toEqual(had);
    expect(scene.says).toEqual({ c: 'AddressOutsidePools: 192.0.2.1 is in no pool' });
    expect(scene.pools().later(60_000).has).toEqual(had);
    expect(scene.pools(one, two).has).toEqual(had);
    expect(scene.pools(two).later(9_000).has).toEqual(had);
    expect(scene.later(1_000).has).toEqual({ a: '198.51.100.2', b: '198.51.100.1' });
  });

  it('stay when their pool gets another name', () => {
    const scene = new Scene().pools(small).put(service('a'), service('b'));
    scene.pools(pool('renamed', ['192.0.2.1-192.0.2.2'])).later(20_000);
    expect(scene.has).toEqual({ a: '192.0.2.1', b: '192.0.2.2' });
    expect(scene.allocator.assignments.get('ns/a')?.pool).toBe('renamed');
  });

  it('are missed where nobody else could give them', () => {
    expect(new Scene(true).put(service('a'), service('b', { has: ['192.0.2.77'] })).says).toEqual({
      a: 'AddressPoolMissing: there is no pool to take an address from',
    });
  });

  it('are those of the status after a restart, whoever comes first; of two that claim one the older has it', () => {
    const young = service('young', { createdMs: 2, has: ['192.0.2.2'] });
    const old = service('old', { createdMs: 1, has: ['192.0.2.2'] });
    const waiting = service('waiting', { createdMs: 0 });
    expect(new Scene().pools(small).put(young, waiting, old).has).toEqual({ old: '192.0.2.2', waiting: '192.0.2.1' });
  });

  it('are kept when somebody empties the status', () => {
    const scene = new Scene().pools(small).put(service('a', { has: ['192.0.2.2'] }), service('b'));
    expect(scene.put(service('a')).has).toEqual({ a: '192.0.2.2', b: '192.0.2.1' });
  });

  it('come from the pools that are kept for a Service first, by priority, then from the others by name', () => {
    const scene = new Scene()
      .pools(
        pool('a', ['192.0.2.1/32']),
        pool('kept', ['192.0.2.2/32'], { reserved: {} }),
        pool('second', ['192.0.2.3/32'], { reserved: { priority: 2, namespaces: ['ns'] } }),
        pool('first', ['192.0.2.4/32'], { reserved: { priority: 1 } }),
        pool('foreign', ['192.0.2.5/32'], { reserved: { priority: 1, namespaces: ['other'] } }),
        pool('manual', ['192.0.2.6/32'], { isAutomatic: false }),
      )
      .put(...['1', '2', '3', '4', '5'].map((name) => service(name)));
    expect(scene.has).toEqual({ 1: '192.0.2.4', 2: '192.0.2.3', 3: '192.0.2.2', 4: '192.0.2.1' });
    expect(scene.says['5']).toContain('all of pool a are taken, by ns/4');
  });

  it('come from pools for a namespace by its labels, and for a Service by its own', () => {
    const requirement = (key: string) => ({ requirements: [{ key, operator: 'Exists', values: [] }] }) as const;
    const reserved = { namespaceSelectors: [requirement('edge')], serviceSelectors: [requirement('public')] };
    const scene = new Scene().pools(pool('edge', ['192.0.2.1-192.0.2.9'], { reserved }));
    scene.put(service('a', { labels: { public: '' } }), service('b'));
    expect(scene.has).toEqual({});
    expect(scene.says['a']).toContain('AddressPoolNotForService');
    expect(scene.namespace('ns', { edge: 'yes' }).has).toEqual({ a: '192.0.2.1' });
  });

  it('leave out ranges that an older pool has, and a second pool of one name', () => {
    const scene = new Scene().pools(
      pool('old', ['192.0.2.0/24'], { createdMs: 1 }),
      pool('new', ['192.0.2.255-192.0.3.9', '198.51.100.1/32'], { createdMs: 2 }),
    );
    expect(scene.says).toEqual({
      'pool:metallb-system/new':
        'AddressPoolOverlap: the range overlaps 192.0.2.0-192.0.2.255 of IPAddressPool metallb-system/old, and is left out',
    });
    expect(scene.put(service('a', { pool: 'new' })).has).toEqual({ a: '198.51.100.1' });
  });
});

describe('what a Service asks for', () => {
  const scene = (): Scene =>
    new Scene().pools(small, pool('manual', ['198.51.100.0/30', '2001:db8::/126'], { isAutomatic: false }));

  it.each<[string, ServiceOptions, string]>([
    ['an address', { asks: ['192.0.2.2'] }, '192.0.2.2'],
    ['an address of a pool that gives none by itself', { asks: ['198.51.100.3'] }, '198.51.100.3'],
    ['a pool', { pool: 'manual' }, '198.51.100.0'],
    ['both', { pool: 'manual', asks: ['198.51.100.1'] }, '198.51.100.1'],
    [
      'two families',
      { asks: ['2001:db8::1', '198.51.100.1'], traffic: dual('RequireDualStack', '10.0.0.1', 'fd00::1') },
      '198.51.100.1 2001:db8::1',
    ],
  ])('%s, is what it gets', (_, options, address) => {
    expect(scene().put(service('a', options)).has).toEqual({ a: address });
  });

  it.each<[string, ServiceOptions, string]>([
    ['an address in no pool', { asks: ['192.0.2.99'] }, 'AddressOutsidePools: 192.0.2.99 is in no pool'],
    ['a pool that is not there', { pool: 'x' }, 'AddressPoolUnknown: there is no pool "x"; there are manual, small'],
    [
      'an address of another pool',
      { pool: 'small', asks: ['198.51.100.1'] },
      'AddressRequestInvalid: 198.51.100.1 is in the pool manual, and small is asked for',
    ],
    [
      'a family that it has not',
      { asks: ['2001:db8::1'] },
      'AddressRequestInvalid: 2001:db8::1 is not one address of each family of the Service, which has IPv4',
    ],
    ['what cannot be read', { asks: [] }, 'AddressRequestInvalid'],
    [
      'two families, with a ClusterIP of one',
      { traffic: dual('RequireDualStack', '10.0.0.1') },
      'AddressFamilyUnavailable: RequireDualStack asks for two addresses, and the Service has a ClusterIP of one family',
    ],
    [
      'a family that the pool has not',
      { pool: 'small', traffic: { clusterIps: [ip('fd00::1')] } },
      'AddressFamilyUnavailable: no pool has IPv6 for it; asked were small',
    ],
  ])('%s, is why it waits', (_, options, message) => {
    const told = scene().put(service('a', options));
    expect(told.has).toEqual({});
    expect(told.says['a']).toContain(message);
  });

  it('goes before what others would take by themselves, but not before what they have', () => {
    const first = scene().put(
      service('any', { createdMs: 1 }),
      service('named', { createdMs: 2, asks: ['192.0.2.1'] }),
    );
    expect(first.has).toEqual({ named: '192.0.2.1', any: '192.0.2.2' });
    const later = scene()
      .put(service('any'))
      .put(service('named', { asks: ['192.0.2.1'] }));
    expect(later.has).toEqual({ any: '192.0.2.1' });
    expect(later.says).toEqual({ named: 'AddressInUse: 192.0.2.1 is that of Service ns/any' });
    expect(later.remove('any').has).toEqual({ named: '192.0.2.1' });
  });

  it('moves it when it changes', () => {
    const moving = scene().put(service('a'));
    expect(moving.put(service('a', { pool: 'manual', has: ['192.0.2.1'] })).has).toEqual({ a: '198.51.100.0' });
    expect(moving.put(service('a', { asks: ['192.0.2.2'], has: ['198.51.100.0'] })).has).toEqual({ a: '192.0.2.2' });
  });
});

describe('two families', () => {
  const both = pool('both', ['192.0.2.0/30', '2001:db8::/126']);
  const four = pool('a-four', ['198.51.100.0/30']);

  it('come from one pool, in the order of the Service', () => {
    const scene = new Scene().pools(four, both);
    scene.put(service('six-first', { traffic: dual('PreferDualStack', 'fd00::1', '10.0.0.1') }));
    expect(scene.has).toEqual({ 'six-first': '2001:db8:: 192.0.2.0' });
  });

  it('are one where no pool has two, and two as soon as its pool does; it never leaves its pool', () => {
    const scene = new Scene()
      .pools(four)
      .put(service('a', { traffic: dual('PreferDualStack', '10.0.0.1', 'fd00::1') }));
    expect(scene.has).toEqual({ a: '198.51.100.0' });
    expect(scene.pools(four, both).has).toEqual({ a: '198.51.100.0' });
    expect(scene.pools(pool('a-four', ['198.51.100.0/30', '2001:db8:1::/126'])).has).toEqual({
      a: '198.51.100.0 2001:db8:1::',
    });
  });

  it('become one with a Service that wants one', () => {
    const scene = new Scene()
      .pools(both)
      .put(service('a', { traffic: dual('RequireDualStack', '10.0.0.1', 'fd00::1') }));
    scene.put(service('a', { traffic: { clusterIps: [ip('10.0.0.1')] } }));
    expect(scene.has['a']).toMatch(/^192\.0\.2\.\d$/);
  });
});

describe('one address for several Services', () => {
  const key = { sharingKey: 'k' };
  const on = (...ports: readonly string[]): ServiceOptions => ({ ...key, ports });

  it('is had by those with the same key and other ports', () => {
    const scene = new Scene()
      .pools(small)
      .put(service('tcp', on('TCP/53')), service('udp', on('UDP/53')), service('web', on('TCP/80')));
    expect(new Set(Object.values(scene.has))).toEqual(new Set(['192.0.2.1']));
    expect(scene.remove('tcp', 'udp').put(service('x'), service('y')).has).toEqual({
      web: '192.0.2.1',
      x: '192.0.2.2',
    });
  });

  it('is not had with the same port, another key, or other endpoints', () => {
    const scene = new Scene().pools(pool('p', ['192.0.2.1-192.0.2.9'])).put(service('a', on('TCP/53')));
    scene.put(service('port', on('TCP/53')), service('key', { sharingKey: 'other', ports: ['TCP/1'] }));
    scene.put(service('local', { ...on('TCP/2'), selector: 'app=x', traffic: { externalPolicy: 'Local' } }));
    expect(scene.has).toEqual({ a: '192.0.2.1', port: '192.0.2.3', key: '192.0.2.2', local: '192.0.2.4' });
  });

  it.each([
    ['gives its port up', (scene: Scene) => scene.put(service('a', on('TCP/81')))],
    ['leaves', (scene: Scene) => scene.remove('a')],
    ['asks for another address', (scene: Scene) => scene.put(service('a', { ...on('TCP/80'), asks: ['192.0.2.9'] }))],
  ])('is had by one that waits for it once the Service in its way %s', (_, change) => {
    const scene = new Scene()
      .pools(small)
      .put(service('a', on('TCP/80')), service('c', on('TCP/443')))
      .put(service('b', { ...on('TCP/80'), asks: ['192.0.2.1'] }));
    expect(scene.has).toEqual({ a: '192.0.2.1', c: '192.0.2.1' });
    expect(change(scene).has).toMatchObject({ b: '192.0.2.1', c: '192.0.2.1' });
  });

  it('is lost by the younger one when they stop agreeing, and had again when both select the same', () => {
    const scene = new Scene().pools(pool('p', ['192.0.2.1/32']));
    const local = (name: string, port: string): Service =>
      service(name, { ...on(port), selector: 'app=x', traffic: { externalPolicy: 'Local' } });
    scene.put(service('a', { ...on('TCP/1'), selector: 'app=x' }), service('b', { ...on('TCP/2'), selector: 'app=x' }));
    expect(scene.put(local('b', 'TCP/2')).has).toEqual({ a: '192.0.2.1' });
    expect(scene.put(local('a', 'TCP/1'), local('b', 'TCP/2')).has).toEqual({ a: '192.0.2.1', b: '192.0.2.1' });
  });
});

type Step =
  | { readonly kind: 'put'; readonly service: Service }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'pools'; readonly pools: readonly AddressPool[] };

const names = ['a', 'b', 'c', 'd', 'e', 'f'];
const anyService = fc
  .record({
    name: fc.constantFrom(...names),
    createdMs: fc.nat(3),
    asks: fc.option(fc.constantFrom(['192.0.2.1'], ['192.0.2.3'], ['203.0.113.1']), { nil: undefined, freq: 3 }),
    pool: fc.option(fc.constantFrom('one', 'two'), { nil: undefined, freq: 3 }),
    sharingKey: fc.option(fc.constant('k'), { nil: undefined, freq: 2 }),
    ports: fc.constantFrom(['TCP/80'], ['TCP/81'], ['UDP/80', 'TCP/82']),
  })
  .map(({ name, ...options }): Step => ({ kind: 'put', service: service(name, options) }));
const anyPools = fc
  .constantFrom<readonly AddressPool[]>(
    [pool('one', ['192.0.2.1-192.0.2.3'])],
    [pool('one', ['192.0.2.1-192.0.2.2']), pool('two', ['198.51.100.1-198.51.100.2'], { isAutomatic: false })],
    [pool('two', ['192.0.2.2-192.0.2.4'])],
    [],
  )
  .map((pools): Step => ({ kind: 'pools', pools }));
const anySteps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: anyService },
    { weight: 2, arbitrary: fc.constantFrom(...names).map((name): Step => ({ kind: 'remove', name })) },
    anyPools,
  ),
  { maxLength: 30 },
);

function take(scene: Scene, step: Step): void {
  if (step.kind === 'put') scene.put(step.service);
  else if (step.kind === 'remove') scene.remove(step.name);
  else scene.pools(...step.pools);
}

describe('after any sequence of changes', () => {
  it('no address is had twice but by those who may share it, and nobody moves without a change of its own or of the pools', () => {
    fc.assert(
      fc.property(anySteps, (steps) => {
        const scene = new Scene();
        const present = new Map<string, Service>();
        let hasPools = false;
        for (const step of steps) {
          const before = scene.has;
          take(scene, step);
          if (step.kind === 'put') present.set(step.service.meta.name, step.service);
          if (step.kind === 'remove') present.delete(step.name);
          const changed = step.kind === 'put' ? step.service.meta.name : step.kind === 'remove' ? step.name : undefined;
          for (const [name, address] of Object.entries(before))
            if (step.kind !== 'pools' && name !== changed) expect(scene.has[name]).toBe(address);
          // Without pools nothing is taken from anybody, whatever he asks for.
          if (step.kind === 'pools') hasPools = step.pools.length > 0;
          if (!hasPools) continue;
          const holders = Map.groupBy(Object.entries(scene.has), ([, address]) => address);
          for (const sharing of holders.values()) {
            const services = sharing.flatMap(([name]) => present.get(name) ?? []);
            const ports = services.flatMap((item) => item.ports.map(({ name }) => name));
            expect(services.length === 1 || services.every((item) => item.loadBalancer?.sharingKey === 'k')).toBe(true);
            expect(new Set(ports).size).toBe(ports.length);
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it('a restart changes nothing: whoever has an address finds it in its status', () => {
    fc.assert(
      fc.property(anySteps, (steps) => {
        const scene = new Scene();
        const present = new Map<string, Service>();
        let pools: readonly AddressPool[] = [];
        for (const step of steps) {
          take(scene, step);
          if (step.kind === 'put') present.set(step.service.meta.name, step.service);
          else if (step.kind === 'remove') present.delete(step.name);
          else ({ pools } = step);
        }
        // A pool that is gone is remembered for some seconds, by a program that saw it.
        scene.later(20_000);
        const withStatus = [...present.values()].map((item) => {
          const has = scene.has[item.meta.name]?.split(' ') ?? [];
          return { ...item, traffic: { ...item.traffic, loadBalancerIps: has.map(ip) } };
        });
        const held = Object.entries(scene.has).filter(() => pools.length > 0);
        const again = new Scene().put(...withStatus.toReversed()).pools(...pools);
        expect(again.has).toMatchObject(Object.fromEntries(held));
      }),
      { numRuns: 400 },
    );
  });
});
