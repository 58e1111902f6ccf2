import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Plan, ServiceStatus } from '../compile/plan.ts';
import type { KubeClient } from '../kube/client.ts';
import type { LeaderElector } from '../kube/lease.ts';
import { crash } from '../lib/crash.ts';
import type { Logger } from '../lib/logger.ts';
import { sleep } from '../lib/sleep.ts';
import type { ObservedIngress, ObservedService } from '../model/observed.ts';
import { sortedAddresses } from '../model/published-address.ts';
import type { Metrics } from '../observe/metrics.ts';
import { KeyedRunner } from '../planes/keyed-runner.ts';
import { EventPlane, type EventWish } from '../planes/status/events.ts';
import { FindingEvents } from '../planes/status/finding-events.ts';
import { IngressWishes, ingressStatusPlane, type IngressAddresses } from '../planes/status/ingress.ts';
import type { LoadBalancerStatusPlane } from '../planes/status/load-balancer.ts';
import { serviceStatusPlane } from '../planes/status/service.ts';
import { observeBalancing } from '../sources/admit/observe.ts';
import { GatewayLeases, type ServingGateways } from '../sources/cluster/gateway-leases.ts';
import type { Store } from '../sources/store.ts';
import { GatewayApiStatus } from './gateway-api-status.ts';
import { EVENT_RATE, KubeEventWriter } from './event-writer.ts';
import type { Installation } from './installation.ts';
import type { Role } from './role.ts';
import { KubeStatusWriter } from './status-writer.ts';

export interface ControllerOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly store: Store;
  readonly installation: Installation;
  /** Where the Leases live: of the leader and of the gateways. */
  readonly leaseNamespace: string;
  /** Whether this process serves itself. */
  readonly isGateway: boolean;
  /** Whether Findings are reported by Events. */
  readonly hasEvents: boolean;
  /** When this process serves what it would publish; at once where another one does. */
  readonly serves: Promise<void>;
  /** Whether all has been read that decides which Ingresses are ours. */
  readonly hasReadClasses: () => boolean;
  /** Whether addresses are written to the status of Ingresses; otherwise it is left as it is. */
  readonly writesIngressStatus: boolean;
  /** Whether Services of type LoadBalancer are given addresses of pools. */
  readonly givesAddresses: boolean;
  /** Whether Gateways are served; undefined: they are not, and nothing is said of them. */
  readonly hasReadGateways: (() => boolean) | undefined;
}

/** After how long a process leads although it does not serve: what is wrong with objects must be reported all the same. In milliseconds. */
const LEAD_ANYWAY_MS = 60_000;

/** client-go lets a controller make as many requests by default, or fewer; the API server has its own fairness besides. */
const STATUS_RATE = { perSecond: 50, burst: 100 };

/** What is written item by item, whatever it is. */
type RunningWrites = GatewayApiStatus['runners'][number];

/**
 * Writes status and Events, for as long as this process leads. Nothing waits for it; it waits until this process serves, lest its
 * first writes take the start its processors.
 */
export class Controller implements Role {
  readonly name = 'controller';
  readonly #options: ControllerOptions;
  readonly #elector: LeaderElector;
  readonly #plane: LoadBalancerStatusPlane<IngressAddresses>;
  /** Undefined where another controller writes it. */
  readonly #status: KeyedRunner<IngressAddresses, ObservedIngress> | undefined;
  readonly #addresses: LoadBalancerStatusPlane<ServiceStatus>;
  /** Undefined where nobody gives Services addresses of pools. */
  readonly #services: KeyedRunner<ServiceStatus, ObservedService> | undefined;
  /** Undefined where Gateway API is not served. */
  readonly #gatewayApi: GatewayApiStatus | undefined;
  readonly #events: KeyedRunner<EventWish, EventWish> | undefined;
  readonly #findings = new FindingEvents();
  readonly #wishes = new IngressWishes();
  #plan: Plan | undefined;
  /** Of the gateways that serve; undefined while that is not known. */
  #gateways: ServingGateways | undefined;
  /** Ends what only a leader does. */
  #term = new AbortController();
  #following: Promise<void> = Promise.resolve();

  constructor(options: ControllerOptions) {
    const { client, logger, metrics, store, installation, leaseNamespace, hasEvents } = options;
    this.#options = options;
    const writer = new KubeStatusWriter(client, installation.fieldManager, 'Ingress', observeBalancing);
    this.#plane = ingressStatusPlane(writer);
    this.#elector = client.leaderElector({
      lease: { namespace: leaseNamespace, name: installation.leaseName },
      // A new identity for every start: a process that was killed must not be taken for its successor.
      identity: `${hostname()}_${randomUUID()}`,
      onStartedLeading: () => this.#startLeading(),
      onStoppedLeading: () => this.#stopLeading(),
    });
    const shared = { logger, events: metrics, mayWrite: () => this.#elector.isLeading };
    this.#status = options.writesIngressStatus
      ? new KeyedRunner(this.#plane, { ...shared, rate: STATUS_RATE })
      : undefined;
    const serviceWriter = new KubeStatusWriter(client, installation.fieldManager, 'Service', observeBalancing);
    this.#addresses = serviceStatusPlane(serviceWriter);
    this.#services = options.givesAddresses
      ? new KeyedRunner(this.#addresses, { ...shared, rate: STATUS_RATE })
      : undefined;
    const { hasReadGateways } = options;
    this.#gatewayApi =
      hasReadGateways === undefined
        ? undefined
        : new GatewayApiStatus(client, installation.fieldManager, { ...shared, rate: STATUS_RATE }, hasReadGateways);
    const events = new KubeEventWriter(client, hostname(), store, logger);
    this.#events = hasEvents
      ? new KeyedRunner(new EventPlane(events, 'renewed'), { ...shared, rate: EVENT_RATE })
      : undefined;
    for (const runner of this.#runners()) metrics.backlog(runner.name, () => runner.backlog);
  }

  want(plan: Plan): void {
    this.#plan = plan;
    this.#events?.want(this.#findings.of(plan.findings));
    this.#gatewayApi?.want(plan);
    this.#updateStatus();
    this.#updateServices(plan);
    const mayTakeBack = this.#options.hasReadClasses();
    if (mayTakeBack === this.#plane.mayTakeBack) return;
    this.#plane.mayTakeBack = mayTakeBack;
    this.#status?.compareAll();
  }

  notReady(): readonly string[] {
    return [];
  }

  async run(signal: AbortSignal): Promise<void> {
    const { serves, store } = this.#options;
    await Promise.race([serves, sleep(LEAD_ANYWAY_MS, signal)]);
    const observe = (): void => {
      this.#status?.observe(store.observed.ingresses);
      this.#services?.observe(store.observed.services);
      this.#gatewayApi?.observe(store.observed);
    };
    const observeSlices = (): void => this.#gatewayApi?.observeSlices(store.snapshot.endpointSlices);
    const unsubscribe = store.subscribeObserved(observe);
    const unsubscribeSlices = store.subscribe(observeSlices);
    observe();
    observeSlices();
    try {
      await Promise.all([...this.#runners(), this.#elector].map((runner) => runner.run(signal)));
    } finally {
      unsubscribe();
      unsubscribeSlices();
      // Also when a part has failed while this process leads: a bug must end the program, not wait for the end of the term.
      this.#term.abort();
      await this.#following;
    }
  }

  #runners(): readonly RunningWrites[] {
    const all: readonly (RunningWrites | undefined)[] = [this.#status, this.#services, this.#events];
    return [...all.filter((runner) => runner !== undefined), ...(this.#gatewayApi?.runners ?? [])];
  }

  release(): Promise<void> {
    return Promise.resolve();
  }

  #startLeading(): void {
    const { client, leaseNamespace, installation, logger } = this.#options;
    const term = new AbortController();
    this.#term = term;
    this.#events?.start();
    this.#services?.start();
    const gateways = new GatewayLeases({
      client,
      namespace: leaseNamespace,
      gatewaysOf: installation.label,
      logger,
      onChange: (serving) => {
        const isFirst = this.#gateways === undefined;
        this.#gateways = serving;
        this.#updateStatus();
        // Not earlier: what is published must not shrink to what is known at first.
        if (!isFirst) return;
        this.#status?.start();
        this.#gatewayApi?.start();
      },
    });
    const ended = this.#following.then(() => gateways.run(term.signal));
    ended.catch(crash);
    this.#following = ended.catch(() => {});
  }

  #stopLeading(): void {
    this.#term.abort();
    this.#status?.stop();
    this.#services?.stop();
    this.#gatewayApi?.stop();
    this.#events?.stop();
    this.#gateways = undefined;
  }

  #updateServices({ status, pools }: Plan): void {
    if (this.#services === undefined) return;
    this.#services.want(status.services);
    const mayTakeBack = pools.length > 0;
    if (mayTakeBack === this.#addresses.mayTakeBack) return;
    this.#addresses.mayTakeBack = mayTakeBack;
    this.#services.compareAll();
  }

  #updateStatus(): void {
    if (this.#plan === undefined || this.#gateways === undefined) return;
    const { ingresses, addresses } = this.#plan.status;
    // A process that is a gateway itself reports its addresses as any other gateway does.
    const own = this.#options.isGateway ? [] : addresses;
    const all = sortedAddresses([...own, ...this.#gateways.addresses]);
    this.#status?.want(this.#wishes.of(ingresses, all));
    this.#gatewayApi?.reachedUnder(all, this.#gateways.endpoints);
  }
}
