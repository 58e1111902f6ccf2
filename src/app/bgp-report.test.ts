import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { AnnouncedService, BgpPlan } from '../compile/bgp/bgp-plan.ts';
import { silentLogger } from '../lib/logger.ts';
import { PersistentMap } from '../lib/persistent-map.ts';
import type { BgpPeerState } from '../model/bgp-peer-state.ts';
import type { BgpStatus, ObservedBgpStatus } from '../model/bgp-status.ts';
import { ipAddressOf } from '../model/grammar.ts';
import { nameOf } from '../model/object.ts';
import { Metrics } from '../observe/metrics.ts';
import type { EventWish } from '../planes/status/events.ts';
import { BgpReport } from './bgp-report.ts';
import type { NodeStatusChannel } from './node-status-channel.ts';

/** A cluster whose ServiceBGPStatus objects anybody may write, and that counts Events. */
class FakeCluster implements NodeStatusChannel<BgpStatus> {
  readonly told: string[] = [];
  statuses = PersistentMap.empty<ObservedBgpStatus>();
  written = 0;
  #listener: ((statuses: PersistentMap<ObservedBgpStatus>) => void) | undefined;

  readonly events = {
    write: ({ object, reason }: EventWish): Promise<void> => {
      this.told.push(`${nameOf(object)} ${reason}`);
      return Promise.resolve();
    },
    concernsAll: () => false,
  };

  readonly writer = {
    write: (name: string, status: BgpStatus): Promise<ObservedBgpStatus> => {
      this.written += 1;
      const uid = this.statuses.get(name)?.uid ?? `uid-${String(this.written)}`;
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
    onChange: (statuses: PersistentMap<ObservedBgpStatus>) => void,
    signal: AbortSignal,
  ): Promise<void> => {
    this.#listener = onChange;
    onChange(this.statuses);
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  };

  set(name: string, status: ObservedBgpStatus | undefined): void {
    this.statuses = status === undefined ? this.statuses.delete(name) : this.statuses.set(name, status);
    this.#listener?.(this.statuses);
  }

  shown(): readonly string[] {
    return [...this.statuses.values()]
      .map(({ node, service, peers }) => `${node} ${service} ${peers.join('+')}`)
      .sort();
  }
}

let cluster: FakeCluster;
let stop: AbortController;
let running: Promise<void>;

beforeEach(() => {
  cluster = new FakeCluster();
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  await running;
});

function reportOf(): BgpReport {
  const report = new BgpReport({ nodeName: 'a', logger: silentLogger, metrics: new Metrics(), channel: cluster });
  running = report.run(stop.signal);
  return report;
}

function planOf(...services: readonly (readonly [string, ...string[]])[]): BgpPlan {
  const address = ipAddressOf('192.0.2.1');
  if (address === undefined) throw new Error('an address');
  const announced = services.map(([service, ...peers]): AnnouncedService => ({ service, peers, addresses: [address] }));
  return { routerId: address, sessions: [], profiles: [], routes: [], services: announced };
}

function sessionOf(isUp: boolean, since = new Date().toISOString()): BgpPeerState {
  return {
    peer: 'm/rack',
    neighbor: '192.0.2.9',
    state: isUp ? 'Established' : 'Active',
    isUp,
    since,
    peerAs: 1,
    announced: 0,
    updatesSent: 0,
    lastError: '',
    bfd: '-',
  };
}

it('says of each Service to which peers it is announced, and by one Event that it is', async () => {
  const report = reportOf();
  report.want(planOf(['shop/web', 'rack'], ['shop/api', 'rack']));
  await vi.waitFor(() => expect(cluster.shown()).toEqual(['a shop/api rack', 'a shop/web rack']));
  report.want(planOf(['shop/web', 'edge', 'rack']));
  await vi.waitFor(() => expect(cluster.shown()).toEqual(['a shop/web edge+rack']));
  await vi.waitFor(() =>
    expect(cluster.told.toSorted()).toEqual(['Service shop/api nodeAssigned', 'Service shop/web nodeAssigned']),
  );
});

it('removes nothing that other nodes say, nor what MetalLB says', async () => {
  const other = { service: 'shop/web', peers: ['rack'], addresses: [], uid: 'u' };
  cluster.set('of-b', { ...other, node: 'b', since: '2026-01-01T00:00:00Z' });
  cluster.set('of-metallb', { ...other, node: 'a', since: '' });
  reportOf().want(planOf(['shop/web', 'rack']));
  await vi.waitFor(() => expect(cluster.shown()).toHaveLength(3));
});

it('says nothing anew after a restart, and removes what it said of a Service that has gone meanwhile', async () => {
  const first = reportOf();
  first.want(planOf(['shop/web', 'rack'], ['shop/api', 'rack']));
  await vi.waitFor(() => expect(cluster.told).toHaveLength(2));
  stop.abort();
  await running;
  stop = new AbortController();
  const { written } = cluster;
  reportOf().want(planOf(['shop/web', 'rack']));
  await vi.waitFor(() => expect(cluster.shown()).toEqual(['a shop/web rack']));
  expect([cluster.written, cluster.told.length]).toEqual([written, 2]);
});

it('reports sessions that come and go on their BGPPeer, and none that was there before the start', async () => {
  const report = reportOf();
  report.session(sessionOf(true, '2026-01-01T00:00:00+0000'));
  report.session(sessionOf(false));
  await vi.waitFor(() => expect(cluster.told).toEqual(['BGPPeer m/rack SessionDown']));
  report.session(sessionOf(true));
  await vi.waitFor(() => expect(cluster.told).toEqual(['BGPPeer m/rack SessionDown', 'BGPPeer m/rack SessionUp']));
});
