import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Plan } from '../compile/plan.ts';
import { Fault } from '../lib/fault.ts';
import { silentLogger } from '../lib/logger.ts';
import { PersistentMap } from '../lib/persistent-map.ts';
import { ipAddressOf, type IpAddress } from '../model/grammar.ts';
import type { L2Status, ObservedL2Status } from '../model/l2-status.ts';
import type { Node } from '../model/node.ts';
import { Metrics } from '../observe/metrics.ts';
import type { EventWish } from '../planes/status/events.ts';
import { AnnounceReport, type ReportChannel } from './announce-report.ts';

function ip(text: string): IpAddress {
  const address = ipAddressOf(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}

const VIP = ip('192.0.2.1');

function node(name: string, isReady = true): Node {
  return {
    meta: { namespace: '', name, uid: `u-${name}`, createdMs: 0 },
    internalIps: [],
    externalIps: [],
    podCidrs: [],
    zone: undefined,
    labels: {},
    isReady,
    isNetworkUnavailable: false,
    isLeaving: false,
  };
}

/** A cluster whose ServiceL2Status objects anybody may write, and who does is told of all. */
class FakeCluster implements ReportChannel {
  readonly events = { write: (wish: EventWish) => this.#tell(wish), concernsAll: () => false };
  readonly told: string[] = [];
  refusesEvents = false;
  statuses = PersistentMap.empty<ObservedL2Status>();
  all = PersistentMap.from(['a', 'b'].map((name) => [name, node(name)]));
  #listener: ((statuses: PersistentMap<ObservedL2Status>) => void) | undefined;
  #written = 0;

  readonly writer = {
    write: (name: string, status: L2Status): Promise<ObservedL2Status> => {
      this.#written += 1;
      const uid = this.statuses.get(name)?.uid ?? `uid-${String(this.#written)}`;
      this.set(name, { ...status, uid });
      return Promise.resolve({ ...status, uid });
    },
    remove: (name: string): Promise<void> => {
      this.set(name, undefined);
      return Promise.resolve();
    },
    concernsAll: () => false,
  };

  readonly follow = (
    onChange: (statuses: PersistentMap<ObservedL2Status>) => void,
    signal: AbortSignal,
  ): Promise<void> => {
    this.#listener = onChange;
    onChange(this.statuses);
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  };

  readonly nodes = (): PersistentMap<Node> => this.all;

  get written(): number {
    return this.#written;
  }

  set(name: string, status: ObservedL2Status | undefined): void {
    this.statuses = status === undefined ? this.statuses.delete(name) : this.statuses.set(name, status);
    this.#listener?.(this.statuses);
  }

  shown(): readonly string[] {
    return [...this.statuses.values()]
      .map((item) => `${item.node}: ${item.service} ${item.addresses.join(' ')} on ${item.interfaces.join(' ')}`)
      .sort();
  }

  #tell({ reason, object, message }: EventWish): Promise<void> {
    if (this.refusesEvents) return Promise.reject(new Fault('refused', 'Events are refused'));
    this.told.push(`${reason} ${object.name}: ${message}`);
    return Promise.resolve();
  }
}

const ROUTER = { name: 'r', interface: 'eth0', id: 101, priority: 254, isEligible: true, addresses: [VIP] };

function planOf(takesBack = false): Plan {
  const ref = { kind: 'Service', namespace: 'shop', name: 'web' } as const;
  const addresses = PersistentMap.from([['shop/web', { ref, addresses: [VIP], pool: 'p' }]]);
  const routers = PersistentMap.from([['r', { ...ROUTER, takesBack }]]);
  // Nothing else of a plan is looked at.
  return { addresses, announce: { routers, isNodeEligible: true } } as unknown as Plan;
}

const OF_B: ObservedL2Status = {
  uid: 'of-b',
  node: 'b',
  service: 'shop/web',
  interfaces: ['eth0'],
  addresses: [VIP],
  since: '2026-01-01T00:00:00.000Z',
  why: 'it came first',
};

describe('AnnounceReport', () => {
  let cluster: FakeCluster;
  let metrics: Metrics;
  let end: AbortController;
  let running: Promise<void>;

  beforeEach(() => {
    vi.useFakeTimers();
    cluster = new FakeCluster();
    metrics = new Metrics();
    end = new AbortController();
    running = Promise.resolve();
  });
  afterEach(async () => {
    end.abort();
    await running;
    vi.useRealTimers();
  });

  function start(): AnnounceReport {
    const report = new AnnounceReport({ nodeName: 'a', logger: silentLogger, metrics, channel: cluster });
    report.want(planOf());
    running = report.run(end.signal);
    return report;
  }

  const settle = (ms = 10): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

  it('says by a ServiceL2Status, an Event and a metric that this node answers, and nothing once it does not', async () => {
    const report = start();
    report.hold(new Set([VIP]));
    await settle();
    expect(cluster.shown()).toEqual(['a: shop/web 192.0.2.1 on eth0']);
    expect(cluster.told).toEqual(['nodeAssigned web: announcing from node "a" with protocol "layer2"']);
    expect(await metrics.text()).toContain(
      'metallb_speaker_announced{protocol="layer2",service="shop/web",node="a",ip="192.0.2.1"} 1',
    );
    expect(report.of('shop/web')).toMatchObject([{ node: 'a', why: 'it came first' }]);
    report.hold(new Set());
    await settle();
    expect(cluster.shown()).toEqual([]);
    expect(await metrics.text()).not.toContain('metallb_speaker_announced{');
  });

  it('says once who else on the network has an address, and among the Findings for as long as it is so', async () => {
    const report = start();
    const owner = { address: VIP, interface: 'eth0', hardwareAddress: '02:00:00:00:00:09' };
    const elsewhere = { ...owner, address: ip('192.0.2.77') };
    report.duplicates([owner]);
    report.duplicates([owner, elsewhere]);
    await settle();
    const message =
      'a machine with the hardware address 02:00:00:00:00:09, which is none of ours, answers for 192.0.2.1 on eth0';
    expect(cluster.told).toEqual([`AddressDuplicate web: ${message}`]);
    expect(report.findings).toMatchObject([{ reason: 'AddressDuplicate', object: { name: 'web' }, message }]);
    report.duplicates([]);
    expect(report.findings).toEqual([]);
  });

  it('reports what changed, and not what is looked at again, or after a restart', async () => {
    const report = start();
    report.hold(new Set([VIP]));
    await settle();
    report.want(planOf());
    report.hold(new Set([VIP]));
    await settle();
    end.abort();
    await running;
    const [before] = cluster.statuses.values();
    end = new AbortController();
    const again = start();
    await settle();
    again.hold(new Set([VIP]));
    await settle();
    expect(cluster.told).toHaveLength(1);
    expect([...cluster.statuses.values()]).toEqual([before]);
    // It went, and came back.
    again.hold(new Set());
    await settle();
    again.hold(new Set([VIP]));
    await settle();
    expect(cluster.told).toHaveLength(2);
  });

  it('writes one that somebody removed again', async () => {
    const report = start();
    report.hold(new Set([VIP]));
    await settle();
    for (const name of cluster.statuses.keys()) cluster.set(name, undefined);
    await settle();
    expect(cluster.shown()).toEqual(['a: shop/web 192.0.2.1 on eth0']);
  });

  it.each([
    ['b is not ready', (): void => void (cluster.all = cluster.all.set('b', node('b', false)))],
    ['b was not heard any more, or gave it up', (): void => {}],
  ])('says why it has taken over: %s', async (why, happen) => {
    cluster.set('of-b', OF_B);
    const report = start();
    happen();
    report.hold(new Set([VIP]));
    await settle();
    expect(report.of('shop/web')[0]).toMatchObject({ node: 'a', why });
  });

  it('knows who had it also when that node has said first that it has not any more', async () => {
    cluster.set('of-b', OF_B);
    const report = start();
    cluster.set('of-b', undefined);
    report.hold(new Set([VIP]));
    await settle();
    expect(report.of('shop/web')[0]).toMatchObject({ node: 'a', why: 'b was not heard any more, or gave it up' });
  });

  it('removes what a node says that is gone, and leaves that of one which is there', async () => {
    cluster.set('of-b', OF_B);
    const report = start();
    report.hold(new Set([VIP]));
    await settle();
    expect(cluster.shown()).toHaveLength(2);
    cluster.all = cluster.all.delete('b');
    report.want(planOf());
    await settle();
    expect(cluster.shown()).toEqual(['a: shop/web 192.0.2.1 on eth0']);
  });

  it("leaves MetalLB's own alone, whichever node they are of", async () => {
    cluster.set('l2-x', { ...OF_B, addresses: [], since: '', why: '', node: 'a' });
    cluster.set('l2-y', { ...OF_B, addresses: [], since: '', why: '' });
    cluster.all = cluster.all.delete('b');
    const report = start();
    report.hold(new Set([VIP]));
    await settle();
    expect([...cluster.statuses.keys()]).toEqual(expect.arrayContaining(['l2-x', 'l2-y']));
  });

  it('reports nothing any more of a Service that is gone', async () => {
    cluster.refusesEvents = true;
    const report = start();
    report.hold(new Set([VIP]));
    await settle();
    report.want({ ...planOf(), addresses: PersistentMap.empty() });
    cluster.refusesEvents = false;
    await settle(10_000);
    expect(cluster.told).toEqual([]);
  });

  it('reports two nodes that answer for one address for longer than one that dies says so', async () => {
    cluster.set('of-b', OF_B);
    const report = start();
    report.hold(new Set([VIP]));
    await settle(50_000);
    expect(cluster.told).toHaveLength(1);
    await settle(30_000);
    expect(cluster.told[1]).toContain('AddressContested web: both a and b answer for 192.0.2.1');
    expect(await metrics.text()).toContain('sluice_addresses_contested 1');
    await settle(60_000);
    expect(cluster.told).toHaveLength(2);
    cluster.set('of-b', undefined);
    await settle(20_000);
    expect(await metrics.text()).toContain('sluice_addresses_contested 0');
  });
});
