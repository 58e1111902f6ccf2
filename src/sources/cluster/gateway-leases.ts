import type { KubeClient } from '../../kube/client.ts';
import { leaseResource } from '../../kube/lease.ts';
import type { RawObject } from '../../kube/raw-object.ts';
import type { ReflectionConsumer, ReflectionState, ReflectionTimings } from '../../kube/reflection.ts';
import { objectPath } from '../../kube/resource.ts';
import { crash } from '../../lib/crash.ts';
import { Fault } from '../../lib/fault.ts';
import { isRecord } from '../../lib/is-record.ts';
import type { Logger } from '../../lib/logger.ts';
import { hostnameOf, ipAddressOf, type IpAddress } from '../../model/grammar.ts';
import { addressText, sameAddresses, sortedAddresses } from '../../model/published-address.ts';
import type { PublishedAddress } from '../../model/service.ts';

/** The label by which the Leases of gateways are found; its value says whose gateways they are. */
export const GATEWAY_LABEL = 'sluice.dev/gateway-of';

const ADDRESSES_ANNOTATION = 'sluice.dev/addresses';
const ENDPOINTS_ANNOTATION = 'sluice.dev/endpoints';
const NODE_ANNOTATION = 'sluice.dev/node';

/** Where a gateway is reached by others of the cluster. */
export interface GatewayEndpoint {
  readonly address: IpAddress;
  /** The Node that it runs on; undefined where it does not say. */
  readonly nodeName: string | undefined;
}

/** What is known of all gateways that serve. */
export interface ServingGateways {
  /** Under which clients reach them; sorted. */
  readonly addresses: readonly PublishedAddress[];
  /** By address. */
  readonly endpoints: readonly GatewayEndpoint[];
}

/** What a gateway says of itself in its Lease. */
export function gatewayAnnotations(
  addresses: readonly PublishedAddress[],
  machine: readonly IpAddress[],
  nodeName: string,
): Readonly<Record<string, string>> {
  return {
    [ADDRESSES_ANNOTATION]: addresses.map(addressText).join(','),
    [ENDPOINTS_ANNOTATION]: machine.join(','),
    [NODE_ANNOTATION]: nodeName,
  };
}

interface GatewayLease {
  readonly name: string;
  readonly resourceVersion: string;
  readonly addresses: readonly PublishedAddress[];
  readonly endpoints: readonly GatewayEndpoint[];
  /** Compared for equality alone: clocks of different machines are never compared. */
  readonly renewTime: string;
  readonly durationMs: number;
}

interface Gateway {
  readonly lease: GatewayLease;
  /** When its last sign of life was seen, on the clock of `performance.now()`; undefined: too long ago, until the next one. */
  readonly aliveAtMs: number | undefined;
  /** When it was noticed that the next sign of life is overdue. */
  readonly overdueAtMs: number | undefined;
}

/**
 * How long after that a gateway is left out, in milliseconds: a process that stood still, or was busy, has signs of life waiting that it
 * has yet to read.
 */
const GRACE_MS = 1_000;

export interface GatewayLeasesOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Whose gateways: the value of {@link GATEWAY_LABEL}. */
  readonly gatewaysOf: string;
  readonly logger: Logger;
  /** Called whenever something else is known of them. */
  readonly onChange: (gateways: ServingGateways) => void;
  readonly timings?: Partial<ReflectionTimings> | undefined;
}

/**
 * The addresses of all gateways that serve, by the Leases in which they report them. To be followed by the leader alone, from the moment
 * at which it leads.
 *
 * A gateway whose Lease runs out is left out, and its Lease removed. No Lease runs out because the API server was quiet: the time counts
 * from the moment at which this process began to lead or hears the API server again, and a leader that cannot write leads no longer
 * than ten seconds, less than any Lease lasts. And they never all run out at once: then it is not the gateways that have ended.
 */
export class GatewayLeases implements ReflectionConsumer<GatewayLease> {
  readonly #options: GatewayLeasesOptions;
  readonly #logger: Logger;
  readonly #gateways = new Map<string, Gateway>();
  /** Leases that are being removed. */
  readonly #removals = new Set<string>();
  #isHeard = false;
  #serving: ServingGateways | undefined;
  #timer: NodeJS.Timeout | undefined;
  #signal: AbortSignal | undefined;

  constructor(options: GatewayLeasesOptions) {
    this.#options = options;
    this.#logger = options.logger;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { client, namespace, gatewaysOf, timings } = this.#options;
    this.#signal = signal;
    const selection = { resource: leaseResource, namespace, labelSelector: `${GATEWAY_LABEL}=${gatewaysOf}` };
    await client.reflector({ selection, project: decodeLease, consumer: this, timings }).run(signal);
    clearTimeout(this.#timer);
  }

  replace(leases: readonly GatewayLease[]): void {
    const names = new Set(leases.map(({ name }) => name));
    for (const name of this.#gateways.keys()) if (!names.has(name)) this.#gateways.delete(name);
    for (const lease of leases) this.#see(lease);
    this.#update();
  }

  upsert(lease: GatewayLease): void {
    this.#see(lease);
    this.#update();
  }

  remove(_namespace: string, name: string): void {
    this.#gateways.delete(name);
    this.#update();
  }

  state(state: ReflectionState): void {
    const wasHeard = this.#isHeard;
    this.#isHeard = state.kind === 'synced';
    if (state.kind === 'forbidden' || state.kind === 'absent')
      this.#logger.warn('the addresses of gateways cannot be read from their Leases', { reason: state.cause.message });
    if (this.#isHeard && !wasHeard) {
      const nowMs = performance.now();
      for (const [name, { lease, aliveAtMs }] of this.#gateways)
        if (aliveAtMs !== undefined) this.#gateways.set(name, { lease, aliveAtMs: nowMs, overdueAtMs: undefined });
    }
    this.#update();
  }

  #see(lease: GatewayLease): void {
    const before = this.#gateways.get(lease.name);
    const isAlive = before?.lease.renewTime !== lease.renewTime;
    const signs = isAlive ? { aliveAtMs: performance.now(), overdueAtMs: undefined } : before;
    this.#gateways.set(lease.name, { ...signs, lease });
  }

  #update(): void {
    clearTimeout(this.#timer);
    if (!this.#isHeard || this.#signal?.aborted === true) return;
    const nowMs = performance.now();
    this.#noteOverdue(nowMs);
    const known = [...this.#gateways.values()].filter(({ aliveAtMs }) => aliveAtMs !== undefined);
    const alive = known.filter((gateway) => endMs(gateway) > nowMs);
    // Without a single sign of life, what is broken is the way by which they come.
    const counted = alive.length === 0 ? known : alive;
    for (const { lease } of known.filter((gateway) => !counted.includes(gateway))) this.#runOut(lease);
    for (const { lease, aliveAtMs } of this.#gateways.values()) if (aliveAtMs === undefined) this.#removeLease(lease);
    const nextMs = Math.min(...alive.map(endMs));
    if (Number.isFinite(nextMs)) this.#timer = setTimeout(() => this.#update(), Math.ceil(nextMs - nowMs) + 1);
    const addresses = sortedAddresses(counted.flatMap(({ lease }) => lease.addresses));
    const endpoints = counted
      .flatMap(({ lease }) => lease.endpoints)
      .sort((a, b) => (a.address < b.address ? -1 : Number(a.address > b.address)));
    const before = this.#serving;
    const isSame = before !== undefined && sameAddresses(before.addresses, addresses);
    if (isSame && JSON.stringify(before.endpoints) === JSON.stringify(endpoints)) return;
    this.#serving = { addresses: isSame ? before.addresses : addresses, endpoints };
    this.#options.onChange(this.#serving);
  }

  #noteOverdue(nowMs: number): void {
    for (const [name, gateway] of this.#gateways)
      if (gateway.overdueAtMs === undefined && endMs(gateway) <= nowMs)
        this.#gateways.set(name, { ...gateway, overdueAtMs: nowMs });
  }

  #runOut(lease: GatewayLease): void {
    this.#gateways.set(lease.name, { lease, aliveAtMs: undefined, overdueAtMs: undefined });
    this.#logger.info('a gateway gives no sign of life any more; its addresses are published no longer', {
      lease: lease.name,
      addresses: lease.addresses.map(addressText),
    });
  }

  /** A process that was killed cannot remove its own. One that was only slow writes it again, and then it is not the version that we remove. */
  #removeLease({ name, resourceVersion }: GatewayLease): void {
    if (this.#removals.has(name)) return;
    this.#removals.add(name);
    const { client, namespace } = this.#options;
    const path = objectPath(leaseResource, { namespace, name });
    const body = { preconditions: { resourceVersion } };
    client
      .request({ method: 'DELETE', path, body, signal: this.#signal })
      .catch((thrown: unknown) => {
        // What is still there is tried again with the next sign of life of anybody.
        if (!(thrown instanceof Fault) && this.#signal?.aborted !== true) crash(thrown);
      })
      .finally(() => this.#removals.delete(name));
  }
}

/** Until when it counts as far as is known now. */
function endMs({ lease, aliveAtMs, overdueAtMs }: Gateway): number {
  if (overdueAtMs !== undefined) return overdueAtMs + GRACE_MS;
  return (aliveAtMs ?? Infinity) + lease.durationMs;
}

function decodeLease(raw: RawObject): GatewayLease {
  const { name, resourceVersion = '', annotations } = raw.metadata;
  const spec = isRecord(raw['spec']) ? raw['spec'] : {};
  const { renewTime, leaseDurationSeconds } = spec;
  const textAt = (annotation: string): string => {
    const text = isRecord(annotations) ? annotations[annotation] : undefined;
    return typeof text === 'string' ? text : '';
  };
  const nodeName = textAt(NODE_ANNOTATION);
  return {
    name,
    resourceVersion,
    addresses: textAt(ADDRESSES_ANNOTATION).split(',').flatMap(decodeAddress),
    endpoints: textAt(ENDPOINTS_ANNOTATION)
      .split(',')
      .flatMap((text) => {
        const address = ipAddressOf(text);
        return address === undefined ? [] : [{ address, nodeName: nodeName === '' ? undefined : nodeName }];
      }),
    renewTime: typeof renewTime === 'string' ? renewTime : '',
    durationMs: typeof leaseDurationSeconds === 'number' ? leaseDurationSeconds * 1000 : 0,
  };
}

function decodeAddress(text: string): readonly PublishedAddress[] {
  const ip = ipAddressOf(text);
  if (ip !== undefined) return [{ ip }];
  const hostname = hostnameOf(text);
  return hostname === undefined ? [] : [{ hostname }];
}
