import type { IpAddress } from '../../model/grammar.ts';
import type { Service } from '../../model/service.ts';

/** A Service that has an address, and what decides whether another one may have it, too. */
interface Holder {
  readonly key: string;
  readonly sharingKey: string | undefined;
  readonly ports: ReadonlySet<string>;
  /** Equal for Services whose traffic ends at the same endpoints wherever it arrives. */
  readonly backend: string;
}

/**
 * Who has which address. Several Services may have one if all of them have the same sharing key, no two have a port of one protocol in
 * common, and they agree about the nodes that may announce it: all have externalTrafficPolicy Cluster, or all select the same pods
 * (MetalLB, "IP address sharing").
 */
export class AddressHolders {
  readonly #holders = new Map<IpAddress, Map<string, Holder>>();
  /** Addresses by the sharing key of those who have them. */
  readonly #shared = new Map<string, Set<IpAddress>>();

  /** The Services that keep `service` from having the address, by `namespace/name`. */
  inTheWay(address: IpAddress, service: Service, key: string): readonly string[] {
    const own = holderOf(service, key);
    return [...(this.#holders.get(address)?.values() ?? [])]
      .filter((other) => other.key !== key && !mayShare(own, other))
      .map((other) => other.key);
  }

  /** Addresses that somebody with the same sharing key has. */
  sharedBy(sharingKey: string): Iterable<IpAddress> {
    return this.#shared.get(sharingKey) ?? [];
  }

  add(address: IpAddress, service: Service, key: string): void {
    const holders = this.#holders.get(address) ?? new Map<string, Holder>();
    this.#holders.set(address, holders);
    const holder = holderOf(service, key);
    holders.set(key, holder);
    if (holder.sharingKey === undefined) return;
    const shared = this.#shared.get(holder.sharingKey) ?? new Set();
    this.#shared.set(holder.sharingKey, shared.add(address));
  }

  /** Whether a Service that has the address asks for other terms than it had it on: others may be able to share it now. */
  hasOtherTerms(address: IpAddress, service: Service, key: string): boolean {
    const holder = this.#holders.get(address)?.get(key);
    return holder !== undefined && !areSameTerms(holder, holderOf(service, key));
  }

  /** Returns whether nobody has it now. */
  remove(address: IpAddress, key: string): boolean {
    const holders = this.#holders.get(address);
    const holder = holders?.get(key);
    if (holders === undefined || holder === undefined) return false;
    holders.delete(key);
    if (holders.size > 0) return false;
    this.#holders.delete(address);
    if (holder.sharingKey !== undefined) this.#forget(holder.sharingKey, address);
    return true;
  }

  holds(address: IpAddress, key: string): boolean {
    return this.#holders.get(address)?.has(key) === true;
  }

  isFree(address: IpAddress): boolean {
    return !this.#holders.has(address);
  }

  #forget(sharingKey: string, address: IpAddress): void {
    const shared = this.#shared.get(sharingKey);
    shared?.delete(address);
    if (shared?.size === 0) this.#shared.delete(sharingKey);
  }
}

function holderOf({ ports, traffic, loadBalancer }: Service, key: string): Holder {
  return {
    key,
    sharingKey: loadBalancer?.sharingKey,
    ports: new Set(ports.map(({ protocol, port }) => `${protocol}/${String(port)}`)),
    backend: traffic.externalPolicy === 'Local' ? (loadBalancer?.selector ?? '') : '',
  };
}

function mayShare(a: Holder, b: Holder): boolean {
  if (a.sharingKey === undefined || a.sharingKey !== b.sharingKey || a.backend !== b.backend) return false;
  return ![...a.ports].some((port) => b.ports.has(port));
}

function areSameTerms(a: Holder, b: Holder): boolean {
  const areSamePorts = a.ports.size === b.ports.size && [...a.ports].every((port) => b.ports.has(port));
  return areSamePorts && a.sharingKey === b.sharingKey && a.backend === b.backend;
}
