import { fnv1a } from '../../lib/hash.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { addressAt, cidrHas, sizeOf, type Cidr } from '../../model/cidr.ts';
import { finding, type Finding } from '../../model/finding.ts';
import type { IpAddress } from '../../model/grammar.ts';
import { byAge, type ObjectRef } from '../../model/object.ts';
import type { IpFamilyName, Service, ServicePort } from '../../model/service.ts';
import { DependencyIndex } from '../dependency-index.ts';
import type { AllocationSettings } from './l4-settings.ts';

/** What a Service was given because it did not say. */
export interface Allocation {
  readonly clusterIps: readonly IpAddress[];
  /** From address pools, in whose place an API server has the status of the Service. */
  readonly loadBalancerIps: readonly IpAddress[];
  /** By protocol and port, as {@link nodePortKey} writes them; under {@link HEALTH_CHECK} the health check's. */
  readonly nodePorts: Readonly<Record<string, number>>;
}

/** Allocations by `namespace/name`. */
export type Held = PersistentMap<Allocation>;

export const NOTHING_ALLOCATED: Allocation = { clusterIps: [], loadBalancerIps: [], nodePorts: {} };

/** The key of the health check's port among an allocation's node ports. */
export const HEALTH_CHECK = 'health-check';

/** How a Service port is named among an allocation's node ports. */
export function nodePortKey(port: ServicePort): string {
  return `${port.protocol}/${String(port.port)}`;
}

/**
 * Gives Services addresses and node ports where no API server does. Where one lands follows from its
 * name alone, so that a folder of manifests gives the same addresses on every machine; what was given
 * before is kept as long as nobody asks for it by name, since a written address goes before a given one.
 */
export class Allocator {
  readonly #settings: AllocationSettings;
  readonly #before: Held;
  readonly #owners = new Map<string, string>();
  /** Service -> addresses and ports that it asks for by name. */
  readonly #written = new DependencyIndex();
  allocations: Held = PersistentMap.empty();

  /** `before` is what an earlier run gave out: kept for the Services that come back. */
  constructor(settings: AllocationSettings, before: Held) {
    this.#settings = settings;
    this.#before = before;
  }

  /** Brings allocations up to date with changed Services; returns those whose allocation changed, and Findings of all that were looked at. */
  update(
    changed: ReadonlySet<string>,
    services: PersistentMap<Service>,
  ): { readonly moved: ReadonlySet<string>; readonly findings: ReadonlyMap<string, readonly Finding[]> } {
    const dirty = new Set(changed);
    for (const key of changed) this.#release(key);
    for (const key of changed) for (const owner of this.#reserveWritten(key, services.get(key))) dirty.add(owner);
    const findings = new Map<string, readonly Finding[]>();
    const moved = new Set<string>();
    const present = [...dirty].flatMap((key) => services.get(key) ?? []).sort((a, b) => byAge(a.meta, b.meta));
    for (const key of [...dirty].filter((item) => !services.has(item))) {
      this.#set(key, undefined, moved);
      findings.set(`allocate:${key}`, []);
    }
    // Whoever can keep what it has takes it before anybody new chooses.
    for (const service of present) this.#keep(`${service.meta.namespace}/${service.meta.name}`, service);
    for (const service of present) {
      const key = `${service.meta.namespace}/${service.meta.name}`;
      const found: Finding[] = [];
      this.#set(key, this.#allocate(key, service, found), moved);
      findings.set(`allocate:${key}`, found);
    }
    return { moved, findings };
  }

  #set(key: string, next: Allocation | undefined, moved: Set<string>): void {
    if (JSON.stringify(this.allocations.get(key)) === JSON.stringify(next)) return;
    moved.add(key);
    this.allocations = next === undefined ? this.allocations.delete(key) : this.allocations.set(key, next);
  }

  #release(key: string): void {
    const written = this.#written.inputsOf(key);
    this.#written.set(key, []);
    for (const resource of written) if (this.#owners.get(resource) === key) this.#passOn(resource);
    for (const resource of resourcesOf(this.allocations.get(key)))
      if (this.#owners.get(resource) === key) this.#owners.delete(resource);
  }

  /** To another Service that asks for it by name, which it could have all along, or to nobody. */
  #passOn(resource: string): void {
    const [next] = this.#written.ownersOf(resource);
    if (next === undefined) this.#owners.delete(resource);
    else this.#owners.set(resource, next);
  }

  /** Returns whose given resources were asked for by name. Of two that ask, the conflict is settled elsewhere. */
  #reserveWritten(key: string, service: Service | undefined): readonly string[] {
    if (service === undefined) return [];
    const resources = writtenResources(service);
    this.#written.set(key, resources);
    const evicted = resources.flatMap((resource) => {
      const owner = this.#owners.get(resource);
      this.#owners.set(resource, key);
      return owner === undefined || owner === key ? [] : [owner];
    });
    return evicted;
  }

  #keep(key: string, service: Service): void {
    if (!wantsAddress(service)) return;
    for (const resource of resourcesOf(this.#previous(key)))
      if (!this.#owners.has(resource)) this.#owners.set(resource, key);
  }

  #previous(key: string): Allocation | undefined {
    return this.allocations.get(key) ?? this.#before.get(key);
  }

  #allocate(key: string, service: Service, found: Finding[]): Allocation | undefined {
    if (!wantsAddress(service)) return undefined;
    const clusterIps = service.traffic.clusterIps.length > 0 ? [] : this.#clusterIps(key, service, found);
    const nodePorts: Record<string, number> = {};
    for (const wanted of wantedNodePorts(service)) {
      const port = this.#nodePort(key, wanted, found, service);
      if (port !== undefined) nodePorts[wanted] = port;
    }
    return clusterIps.length === 0 && Object.keys(nodePorts).length === 0
      ? undefined
      : { ...NOTHING_ALLOCATED, clusterIps, nodePorts };
  }

  #clusterIps(key: string, service: Service, found: Finding[]): readonly IpAddress[] {
    const { clusterIpRanges } = this.#settings;
    const { policy, families } = service.traffic.families;
    const order: readonly IpFamilyName[] = families.length > 0 ? families : clusterIpRanges.map(familyOf);
    const chosen = policy === 'SingleStack' ? order.slice(0, 1) : unique([...order, ...clusterIpRanges.map(familyOf)]);
    const missing = chosen.filter((family) => !clusterIpRanges.some((range) => familyOf(range) === family));
    const isMissed = policy === 'PreferDualStack' ? missing.length === chosen.length : missing.length > 0;
    const isHalf = policy === 'RequireDualStack' && clusterIpRanges.length < 2;
    if (isMissed || isHalf) {
      const message = `${policy} ${chosen.join(' and ')} cannot be had; there is ${clusterIpRanges.map(familyOf).join(' and ') || 'no range'}`;
      found.push(finding('ClusterIpUnavailable', refOf(service), 'spec.ipFamilyPolicy', message));
    }
    return chosen.flatMap((family) => {
      const range = clusterIpRanges.find((item) => familyOf(item) === family);
      return range === undefined ? [] : this.#clusterIp(key, service, range, found);
    });
  }

  #clusterIp(key: string, service: Service, range: Cidr, found: Finding[]): readonly IpAddress[] {
    // What an earlier run gave out of another range is not kept.
    const known = this.#previous(key)?.clusterIps.find((address) => cidrHas(range, address));
    if (known !== undefined && this.#owners.get(addressResource(known)) === key) return [known];
    // The first address names the network, the last is the broadcast address of IPv4 subnets: nobody gets them.
    const usable = Number(sizeOf(range) > MOST_PROBED ? MOST_PROBED : sizeOf(range)) - 2;
    const start = usable > 0 ? fnv1a(key) % usable : 0;
    for (let step = 0; step < usable; step += 1) {
      const address = addressAt(range, BigInt(1 + ((start + step) % usable)));
      if (this.#take(addressResource(address), key)) return [address];
    }
    found.push(finding('ClusterIpUnavailable', refOf(service), 'spec.clusterIP', `${range.text} is used up`));
    return [];
  }

  #nodePort(key: string, wanted: string, found: Finding[], service: Service): number | undefined {
    const { first, last } = this.#settings.nodePorts;
    const protocol = wanted === HEALTH_CHECK ? 'TCP' : (wanted.split('/')[0] ?? '');
    const known = this.#previous(key)?.nodePorts[wanted];
    const isKept = known !== undefined && known >= first && known <= last;
    if (isKept && this.#owners.get(nodePortResource(protocol, known)) === key) return known;
    const size = last - first + 1;
    // The lower band is left to those who write their ports themselves (KEP-3668).
    const band = Math.min(Math.max(16, Math.floor(size / 32)), 128);
    const start = size > band ? band + (fnv1a(`${key} ${wanted}`) % (size - band)) : 0;
    for (let step = 0; step < size; step += 1) {
      const port = first + ((start + step) % size);
      if (this.#take(nodePortResource(protocol, port), key)) return port;
    }
    const message = `the ports ${String(first)}-${String(last)} are used up`;
    found.push(finding('NodePortUnavailable', refOf(service), 'spec.ports', message));
    return undefined;
  }

  #take(resource: string, key: string): boolean {
    if (this.#owners.has(resource)) return false;
    this.#owners.set(resource, key);
    return true;
  }
}

/** How many addresses of a range are tried at most: an IPv6 range never fills up. */
const MOST_PROBED = 1n << 20n;

/** Whether the kernel serves a Service at all. */
export function wantsAddress(service: Service): boolean {
  return service.type !== 'ExternalName' && !service.traffic.isHeadless;
}

function wantedNodePorts(service: Service): readonly string[] {
  const { wantsNodePorts, externalPolicy, healthCheckNodePort } = service.traffic;
  if (service.type !== 'NodePort' && service.type !== 'LoadBalancer') return [];
  const wantsHealthCheck =
    service.type === 'LoadBalancer' && externalPolicy === 'Local' && healthCheckNodePort === undefined;
  const ports = wantsNodePorts ? service.ports.filter((port) => port.nodePort === undefined).map(nodePortKey) : [];
  return wantsHealthCheck ? [...ports, HEALTH_CHECK] : ports;
}

function writtenResources(service: Service): readonly string[] {
  if (!wantsAddress(service)) return [];
  const { clusterIps, healthCheckNodePort } = service.traffic;
  const ports = service.ports.flatMap(({ protocol, nodePort }) =>
    nodePort === undefined ? [] : [nodePortResource(protocol, nodePort)],
  );
  const health = healthCheckNodePort === undefined ? [] : [nodePortResource('TCP', healthCheckNodePort)];
  return [...clusterIps.map(addressResource), ...ports, ...health];
}

function resourcesOf(allocation: Allocation | undefined): readonly string[] {
  if (allocation === undefined) return [];
  const ports = Object.entries(allocation.nodePorts).map(([key, port]) =>
    nodePortResource(key === HEALTH_CHECK ? 'TCP' : (key.split('/')[0] ?? ''), port),
  );
  return [...allocation.clusterIps.map(addressResource), ...ports];
}

function addressResource(address: IpAddress): string {
  return `address ${address}`;
}

function nodePortResource(protocol: string, port: number): string {
  return `node-port ${protocol} ${String(port)}`;
}

function familyOf(range: Cidr): IpFamilyName {
  return range.family === 4 ? 'IPv4' : 'IPv6';
}

function unique<T>(items: readonly T[]): readonly T[] {
  return [...new Set(items)];
}

function refOf(service: Service): ObjectRef {
  return { kind: 'Service', namespace: service.meta.namespace, name: service.meta.name };
}
