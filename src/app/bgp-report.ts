import { createHash } from 'node:crypto';
import type { AnnouncedService, BgpPlan } from '../compile/bgp/bgp-plan.ts';
import { crash } from '../lib/crash.ts';
import type { Logger } from '../lib/logger.ts';
import { PersistentMap } from '../lib/persistent-map.ts';
import type { BgpPeerState } from '../model/bgp-peer-state.ts';
import type { BgpStatus, ObservedBgpStatus } from '../model/bgp-status.ts';
import { keyOf, objectAt } from '../model/object.ts';
import type { Metrics } from '../observe/metrics.ts';
import { KeyedRunner } from '../planes/keyed-runner.ts';
import { EventPlane, type EventWish } from '../planes/status/events.ts';
import { NodeStatusPlane } from '../planes/status/node-status.ts';
import { EVENT_RATE } from './event-writer.ts';
import type { NodeStatusChannel } from './node-status-channel.ts';

/** Each node says what it announces of every Service, so that they are slower together than one that answers alone. */
const STATUS_RATE = { perSecond: 10, burst: 50 };

/** BIRD says whole seconds, in milliseconds. */
const CLOCK_STEP_MS = 1_000;

export interface BgpReportOptions {
  readonly nodeName: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly channel: NodeStatusChannel<BgpStatus>;
}

/**
 * Says in a cluster which Services this node announces to which peers, in a ServiceBGPStatus for each; by an Event on the Service when that
 * is new, and on the BGPPeer when a session comes or goes.
 */
export class BgpReport {
  readonly #nodeName: string;
  readonly #startedMs = Date.now();
  readonly #channel: NodeStatusChannel<BgpStatus>;
  readonly #status: KeyedRunner<BgpStatus, ObservedBgpStatus>;
  readonly #events: KeyedRunner<EventWish, EventWish> | undefined;
  #eventWishes = PersistentMap.empty<EventWish>();
  #services: readonly AnnouncedService[] | undefined;
  /** Of this node, by the name of the object. */
  #own = PersistentMap.empty<BgpStatus>();
  /** What this node says, and perhaps others; undefined until that has been read. */
  #seen: PersistentMap<ObservedBgpStatus> | undefined;

  constructor({ nodeName, logger, metrics, channel }: BgpReportOptions) {
    this.#nodeName = nodeName;
    this.#channel = channel;
    const plane = new NodeStatusPlane<BgpStatus>({
      name: 'bgp-status',
      writer: channel.writer,
      nodeName,
      isSame,
      // They belong to their Node, and go with it. One that is not ready may announce all the same.
      isAbandoned: () => false,
      onCreated: ({ service }) =>
        this.#report(
          objectAt('Service', service),
          'Normal',
          'nodeAssigned',
          `announcing from node "${nodeName}" with protocol "bgp"`,
        ),
    });
    const shared = { logger, events: metrics, mayWrite: () => true };
    this.#status = new KeyedRunner(plane, { ...shared, rate: STATUS_RATE });
    if (channel.events === undefined) return;
    this.#events = new KeyedRunner(new EventPlane(channel.events, 'once'), { ...shared, rate: EVENT_RATE });
    this.#events.start();
  }

  /** What is to be announced. */
  want({ services }: BgpPlan): void {
    if (services === this.#services) return;
    this.#services = services;
    this.#update();
  }

  /** A session has come, or has gone. That it is there since before this run has been reported by the one before. */
  session({ peer, neighbor, isUp, since, lastError }: BgpPeerState): void {
    if (isUp && Date.parse(since) < this.#startedMs - CLOCK_STEP_MS) return;
    const why = lastError === '' ? '' : `: ${lastError}`;
    if (isUp)
      this.#report(
        objectAt('BGPPeer', peer),
        'Normal',
        'SessionUp',
        `node ${this.#nodeName} has a session with ${neighbor}`,
      );
    else
      this.#report(
        objectAt('BGPPeer', peer),
        'Warning',
        'SessionDown',
        `node ${this.#nodeName} has lost its session with ${neighbor}${why}`,
      );
  }

  async run(signal: AbortSignal): Promise<void> {
    const follow = this.#channel.follow((statuses) => this.#observe(statuses), signal);
    follow.catch(crash);
    await Promise.all([this.#status.run(signal), this.#events?.run(signal), follow.catch(() => {})]);
  }

  #observe(statuses: PersistentMap<ObservedBgpStatus>): void {
    const isFirst = this.#seen === undefined;
    this.#seen = statuses;
    if (isFirst) this.#update();
    this.#status.observe(statuses);
  }

  #update(): void {
    if (this.#services === undefined || this.#seen === undefined) return;
    const own = this.#services.map((item) => {
      const name = this.#nameOf(item.service);
      return [name, this.#statusOf(name, item)] as const;
    });
    this.#own = PersistentMap.from(own);
    const announced = new Set(this.#services.map(({ service }) => service));
    for (const [key, { object }] of this.#eventWishes.entries())
      if (object.kind === 'Service' && !announced.has(keyOf(object))) this.#eventWishes = this.#eventWishes.delete(key);
    this.#events?.want(this.#eventWishes);
    this.#status.want(this.#own);
    this.#status.start();
  }

  /** After a restart it goes on from what it said before. */
  #statusOf(name: string, { service, peers, addresses }: AnnouncedService): BgpStatus {
    const before = this.#own.get(name) ?? this.#seen?.get(name);
    const since = before === undefined || before.since === '' ? new Date().toISOString() : before.since;
    return { node: this.#nodeName, service, peers, addresses, since };
  }

  #nameOf(service: string): string {
    const identity = `${this.#nodeName} ${service}`;
    return `bgp-${createHash('sha256').update(identity).digest('hex').slice(0, 16)}`;
  }

  #report(object: EventWish['object'], type: EventWish['type'], reason: string, message: string): void {
    // A session that comes takes the place of the one that went: each change is one Event.
    const key = `${object.kind}/${keyOf(object)}`;
    this.#eventWishes = this.#eventWishes.set(key, { object, type, reason, message });
    this.#events?.want(this.#eventWishes);
  }
}

function isSame(a: BgpStatus, b: BgpStatus): boolean {
  return (
    a.node === b.node &&
    a.service === b.service &&
    a.since === b.since &&
    a.peers.join() === b.peers.join() &&
    a.addresses.join() === b.addresses.join()
  );
}
