import { createHash } from 'node:crypto';
import type { AddressAssignments } from '../compile/addresses/address-plan.ts';
import type { AnnouncePlan } from '../compile/announce/announce-plan.ts';
import { whyNotEligible } from '../compile/announce/eligibility.ts';
import type { Plan } from '../compile/plan.ts';
import { crash } from '../lib/crash.ts';
import type { Logger } from '../lib/logger.ts';
import { PersistentMap } from '../lib/persistent-map.ts';
import type { Finding } from '../model/finding.ts';
import type { IpAddress } from '../model/grammar.ts';
import type { L2Status, ObservedL2Status } from '../model/l2-status.ts';
import type { Node } from '../model/node.ts';
import { keyOf, objectAt } from '../model/object.ts';
import type { Metrics } from '../observe/metrics.ts';
import { KeyedRunner } from '../planes/keyed-runner.ts';
import { EventPlane, type EventWish } from '../planes/status/events.ts';
import { NodeStatusPlane } from '../planes/status/node-status.ts';
import type { ForeignOwner } from '../planes/announce/foreign-owners.ts';
import type { ForeignRouter } from '../planes/announce/foreign-routers.ts';
import { duplicateFindings } from './duplicate-findings.ts';
import { EVENT_RATE } from './event-writer.ts';
import type { NodeStatusChannel } from './node-status-channel.ts';

/** After how long two nodes that say to have one address do not agree about it for good, in milliseconds: one that dies may say so for 50 s. */
const CONTESTED_AFTER_MS = 60_000;

/** How often that is looked at, in milliseconds. */
const LOOK_EVERY_MS = 10_000;

/** As controllers write that come with a cluster; a node that takes a thousand addresses over has said so within half a minute. */
const STATUS_RATE = { perSecond: 20, burst: 50 };

/** How what a node announces reaches a cluster, and what the others say there. */
export interface ReportChannel extends NodeStatusChannel<L2Status> {
  readonly nodes: () => PersistentMap<Node>;
}

export interface AnnounceReportOptions {
  readonly nodeName: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Undefined without a cluster. */
  readonly channel: ReportChannel | undefined;
}

/**
 * Says which addresses this node answers for, since when and why: in a ServiceL2Status for each Service, by an Event when it is new, in
 * metrics, and to whoever asks. In a cluster it also knows what the others say, and notices two that say the same.
 */
export class AnnounceReport {
  readonly #options: AnnounceReportOptions;
  readonly #status: KeyedRunner<L2Status, ObservedL2Status> | undefined;
  readonly #events: KeyedRunner<EventWish, EventWish> | undefined;
  #eventWishes = PersistentMap.empty<EventWish>();
  #assignments: AddressAssignments = PersistentMap.empty();
  #announce: AnnouncePlan | undefined;
  #nodes: PersistentMap<Node> | undefined;
  /** Undefined until that has been looked at. */
  #held: ReadonlySet<IpAddress> | undefined;
  /** Of this node, by the name of the object. */
  #own = PersistentMap.empty<L2Status>();
  /** What all nodes say; undefined until that has been read. */
  #seen: PersistentMap<ObservedL2Status> | undefined;
  /** Who answered for a Service last and says so no longer: who hands over may say that first. */
  readonly #former = new Map<string, L2Status>();
  readonly #contested = new Map<string, number>();
  #duplicates: readonly ForeignOwner[] = [];

  constructor(options: AnnounceReportOptions) {
    this.#options = options;
    const { channel, nodeName, logger, metrics } = options;
    if (channel === undefined) return;
    const plane = new NodeStatusPlane<L2Status>({
      name: 'l2-status',
      writer: channel.writer,
      nodeName,
      isSame: areSame,
      isAbandoned: (status) => this.#isAbandoned(status),
      onCreated: (status) => this.#tell(status),
    });
    const shared = { logger, events: metrics, mayWrite: () => true };
    this.#status = new KeyedRunner(plane, { ...shared, rate: STATUS_RATE });
    if (channel.events === undefined) return;
    this.#events = new KeyedRunner(new EventPlane(channel.events, 'once'), { ...shared, rate: EVENT_RATE });
    this.#events.start();
  }

  /** What is to be announced. */
  want({ addresses, announce }: Plan): void {
    const nodes = this.#options.channel?.nodes();
    // What one says that is gone may be removed.
    if (nodes !== this.#nodes) this.#status?.compareAll();
    this.#nodes = nodes;
    if (addresses === this.#assignments && announce === this.#announce) return;
    this.#assignments = addresses;
    this.#announce = announce;
    this.#update();
  }

  /** Who on the network uses virtual routers that are to be ours: reported on the Node. */
  foreign(routers: readonly ForeignRouter[]): void {
    if (routers.length === 0) return;
    const list = routers
      .map(({ id, address, interface: device }) => `${String(id)} by ${address} on ${device}`)
      .join(', ');
    const object = { kind: 'Node', namespace: '', name: this.#options.nodeName } as const;
    const message = `virtual routers that are to be ours are used by others, which are left alone: ${list}. Choose others with --virtual-router-ids, on all nodes and for the leader alike`;
    this.#eventWishes = this.#eventWishes.set('VirtualRouterTaken', {
      object,
      type: 'Warning',
      reason: 'VirtualRouterTaken',
      message,
    });
    this.#events?.want(this.#eventWishes);
  }

  /** Who else answers for addresses of Services: reported on each Service once, for as long as it is so among the Findings. */
  duplicates(owners: readonly ForeignOwner[]): void {
    const before = new Set(this.#duplicates.map((owner) => JSON.stringify(owner)));
    this.#duplicates = owners;
    const others = owners.filter((owner) => !before.has(JSON.stringify(owner)));
    for (const item of duplicateFindings(others, this.#assignments))
      if (item.object.kind === 'Service') this.#report(keyOf(item.object), 'Warning', item.reason, item.message);
  }

  /** Addresses of Services that somebody else on the network has. */
  get findings(): readonly Finding[] {
    return duplicateFindings(this.#duplicates, this.#assignments);
  }

  /** Which of it this node has. */
  hold(held: ReadonlySet<IpAddress>): void {
    this.#held = held;
    this.#update();
  }

  /** Who answers for addresses of a Service, the latest first. */
  of(service: string): readonly L2Status[] {
    const others = [...(this.#seen?.values() ?? [])].filter(({ node }) => node !== this.#options.nodeName);
    return [...this.#own.values(), ...others]
      .filter((status) => status.service === service)
      .sort((a, b) => (a.since < b.since ? 1 : -1));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { channel } = this.#options;
    if (channel === undefined) return;
    const timer = setInterval(() => this.#lookForContests(), LOOK_EVERY_MS);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    const follow = channel.follow((statuses) => this.#observe(statuses), signal);
    follow.catch(crash);
    await Promise.all([this.#status?.run(signal), this.#events?.run(signal), follow.catch(() => {})]);
  }

  #observe(statuses: PersistentMap<ObservedL2Status>): void {
    const isFirst = this.#seen === undefined;
    PersistentMap.diff(this.#seen ?? PersistentMap.empty<ObservedL2Status>(), statuses, (_, before, after) => {
      if (before !== undefined && after === undefined) this.#former.set(before.service, before);
    });
    this.#seen = statuses;
    if (isFirst) this.#update();
    this.#status?.observe(statuses);
  }

  #update(): void {
    if (this.#held === undefined || (this.#options.channel !== undefined && this.#seen === undefined)) return;
    let own = PersistentMap.empty<L2Status>();
    for (const [service, { addresses }] of this.#assignments.entries()) {
      const held = addresses.filter((address) => this.#held?.has(address)).toSorted();
      if (held.length === 0) continue;
      const name = this.#nameOf(service);
      own = own.set(name, this.#statusOf(name, service, held));
    }
    this.#own = own;
    this.#forgetGone();
    this.#options.metrics.announced(
      'layer2',
      this.#options.nodeName,
      [...own.values()].flatMap(({ service, addresses }) => addresses.map((address) => ({ service, address }))),
    );
    this.#status?.want(own);
    // Not earlier: what this node had before is neither removed nor reported anew.
    this.#status?.start();
  }

  /** Nothing is remembered of Services that have no address any more, and nothing reported. */
  #forgetGone(): void {
    for (const service of this.#former.keys()) if (!this.#assignments.has(service)) this.#former.delete(service);
    for (const [key, { object }] of this.#eventWishes.entries())
      if (object.kind === 'Service' && !this.#assignments.has(keyOf(object)))
        this.#eventWishes = this.#eventWishes.delete(key);
    this.#events?.want(this.#eventWishes);
  }

  #statusOf(name: string, service: string, addresses: readonly IpAddress[]): L2Status {
    const { nodeName } = this.#options;
    // After a restart it goes on from what it said before.
    const before = this.#own.get(name) ?? this.#seen?.get(name);
    const routers = [...(this.#announce?.routers.values() ?? [])];
    const mine = routers.filter((router) => addresses.some((address) => router.addresses.includes(address)));
    const interfaces = [...new Set(mine.map((router) => router.interface))].sort();
    const since = before === undefined || before.since === '' ? new Date().toISOString() : before.since;
    const why =
      before?.why ??
      this.#why(
        service,
        mine.some(({ takesBack }) => takesBack),
      );
    const own = this.#own.get(name);
    const isSame = own?.addresses.join() === addresses.join() && own.interfaces.join() === interfaces.join();
    return isSame ? own : { node: nodeName, service, interfaces, addresses, since, why };
  }

  /** By what the one says who had it before, and by what the cluster knows of that node. */
  #why(service: string, isPreferred: boolean): string {
    const isOther = ({ node }: L2Status): boolean => node !== this.#options.nodeName;
    const former = this.#former.get(service);
    const before = [...this.of(service), ...(former === undefined ? [] : [former])].find(isOther);
    if (before === undefined) return 'it came first';
    const nodes = this.#options.channel?.nodes() ?? PersistentMap.empty<Node>();
    const reason = whyNotEligible(before.node, nodes);
    if (reason !== undefined) return `${before.node} ${reason}`;
    return isPreferred ? `it is preferred to ${before.node}` : `${before.node} was not heard any more, or gave it up`;
  }

  /** Of a node that is not there any more, while this one has addresses of that Service. */
  #isAbandoned({ node, service }: L2Status): boolean {
    const nodes = this.#options.channel?.nodes() ?? PersistentMap.empty<Node>();
    const isGone = nodes.size > 0 && nodes.get(node)?.isReady !== true;
    return isGone && this.#own.has(this.#nameOf(service));
  }

  #nameOf(service: string): string {
    const identity = `${this.#options.nodeName} ${service}`;
    return `l2-${createHash('sha256').update(identity).digest('hex').slice(0, 16)}`;
  }

  /** In the words of MetalLB, which people and alerts know. */
  #tell({ service, node }: L2Status): void {
    this.#report(service, 'Normal', 'nodeAssigned', `announcing from node "${node}" with protocol "layer2"`);
  }

  #report(service: string, type: EventWish['type'], reason: string, message: string): void {
    const object = objectAt('Service', service);
    this.#eventWishes = this.#eventWishes.set(`${service} ${reason}`, { object, type, reason, message });
    this.#events?.want(this.#eventWishes);
  }

  /** A switch that drops VRRP leaves every node alone, and each takes all addresses. */
  #lookForContests(): void {
    const nodes = this.#options.channel?.nodes() ?? PersistentMap.empty<Node>();
    const nowMs = performance.now();
    const found = new Map<string, ObservedL2Status>();
    for (const other of this.#seen?.values() ?? []) {
      if (other.node === this.#options.nodeName || nodes.get(other.node)?.isReady !== true) continue;
      for (const address of other.addresses)
        if (this.#held?.has(address) === true) found.set(`${address} ${other.node}`, other);
    }
    for (const key of this.#contested.keys()) if (!found.has(key)) this.#contested.delete(key);
    let count = 0;
    for (const [key, other] of found) {
      const sinceMs = this.#contested.get(key) ?? nowMs;
      this.#contested.set(key, sinceMs);
      const contestedMs = nowMs - sinceMs;
      if (contestedMs >= CONTESTED_AFTER_MS) count += 1;
      if (contestedMs < CONTESTED_AFTER_MS || contestedMs >= CONTESTED_AFTER_MS + LOOK_EVERY_MS) continue;
      const [address = ''] = key.split(' ');
      const message = `both ${this.#options.nodeName} and ${other.node} answer for ${address}: they do not hear each other. Let IP protocol 112 (VRRP) pass between the nodes: look at switches, firewalls and policies of the network plugin`;
      this.#options.logger.warn('two nodes answer for one address', { address, other: other.node });
      this.#report(other.service, 'Warning', 'AddressContested', message);
    }
    this.#options.metrics.contested(count);
  }
}

function areSame(a: L2Status, b: L2Status): boolean {
  return (
    a.node === b.node &&
    a.service === b.service &&
    a.since === b.since &&
    a.why === b.why &&
    a.interfaces.join() === b.interfaces.join() &&
    a.addresses.join() === b.addresses.join()
  );
}
