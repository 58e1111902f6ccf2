import type {
  GatewayServiceFields,
  GatewayServicePort,
  GatewayServiceWishes,
} from '../../compile/gateway/gateway-service-wish.ts';
import type { Fault } from '../../lib/fault.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { familyOf } from '../../model/address-range.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { EndpointSlice } from '../../model/service.ts';
import type { ItemWrite, KeyedPlane } from '../keyed-plane.ts';

/** A process that serves Gateways. */
export interface GatewayEndpoint {
  /** Under which others in the cluster reach it. */
  readonly address: IpAddress;
  /** The Node that it runs on; undefined where that is not known. */
  readonly nodeName: string | undefined;
}

/** The EndpointSlice of a Service of a Gateway, for one family of addresses. */
export interface GatewaySliceWish {
  /** The name of the Service. */
  readonly service: string;
  readonly owner: GatewayServiceFields['owner'];
  readonly labels: Readonly<Record<string, string>>;
  readonly addressType: 'IPv4' | 'IPv6';
  readonly ports: readonly GatewayServicePort[];
  readonly endpoints: readonly GatewayEndpoint[];
}

/** How EndpointSlices reach the API server. */
export interface GatewaySliceWriter {
  /** Makes the slice of this name so; creates it if need be. @throws Fault */
  write(key: string, wish: GatewaySliceWish, signal: AbortSignal): Promise<EndpointSlice | undefined>;
  /** Whether a Fault says that the API server takes no writes for now, rather than that it refuses this one. */
  concernsAll(fault: Fault): boolean;
}

/**
 * The gateways behind the Services of Gateways. A selector of the Service would find no pod: they are in another namespace, and need not be
 * pods at all. Slices go with their Gateway; the API server removes them.
 */
export class GatewayEndpointPlane implements KeyedPlane<GatewaySliceWish, EndpointSlice> {
  readonly name = 'gateway-endpoints';
  readonly renewAfterMs = undefined;
  readonly #writer: GatewaySliceWriter;

  constructor(writer: GatewaySliceWriter) {
    this.#writer = writer;
  }

  compare(
    key: string,
    want: GatewaySliceWish | undefined,
    seen: EndpointSlice | undefined,
  ): ItemWrite<EndpointSlice> | undefined {
    if (want === undefined || (seen !== undefined && textOfWish(want) === textOfSlice(seen))) return undefined;
    return (signal) => this.#writer.write(key, want, signal);
  }

  concernsAll(fault: Fault): boolean {
    return this.#writer.concernsAll(fault);
  }

  otherWriter(): undefined {
    return undefined;
  }
}

/** The slices that follow from Services and gateways; what has not changed is the same. */
export class GatewaySliceWishes {
  #services: GatewayServiceWishes = PersistentMap.empty();
  #endpoints: readonly GatewayEndpoint[] = [];
  #wishes = PersistentMap.empty<GatewaySliceWish>();

  /** By `namespace/name`. */
  of(services: GatewayServiceWishes, endpoints: readonly GatewayEndpoint[]): PersistentMap<GatewaySliceWish> {
    if (JSON.stringify(endpoints) !== JSON.stringify(this.#endpoints)) {
      this.#endpoints = endpoints;
      this.#services = PersistentMap.empty();
      this.#wishes = PersistentMap.empty();
    }
    PersistentMap.diff(this.#services, services, (key, _, wish) => {
      for (const family of [4, 6] as const) {
        const slice = `${key}-ipv${String(family)}`;
        if (wish?.kind === 'keep') continue;
        this.#wishes =
          wish === undefined
            ? this.#wishes.delete(slice)
            : this.#wishes.set(slice, sliceOf(key, wish, family, this.#endpoints));
      }
    });
    this.#services = services;
    return this.#wishes;
  }
}

function sliceOf(
  key: string,
  { owner, labels, ports }: GatewayServiceFields,
  family: 4 | 6,
  endpoints: readonly GatewayEndpoint[],
): GatewaySliceWish {
  return {
    service: key.slice(key.indexOf('/') + 1),
    owner,
    labels,
    addressType: family === 4 ? 'IPv4' : 'IPv6',
    ports,
    endpoints: endpoints.filter(({ address }) => familyOf(address) === family),
  };
}

function textOfWish({ service, ports, endpoints }: GatewaySliceWish): string {
  const inner = endpoints.length === 0 ? [] : ports.map(({ targetPort }) => targetPort);
  return textOf(service, inner, endpoints);
}

function textOfSlice({ service, subsets }: EndpointSlice): string {
  const ports = subsets.flatMap((subset) => subset.ports.map(({ port }) => port));
  const endpoints = subsets.flatMap((subset) =>
    subset.endpoints.map(({ address, placement }) => ({ address, nodeName: placement.nodeName })),
  );
  return textOf(service, endpoints.length === 0 ? [] : ports, endpoints);
}

function textOf(service: string, ports: readonly number[], endpoints: readonly GatewayEndpoint[]): string {
  const places = endpoints.map(({ address, nodeName }) => `${address}@${nodeName ?? ''}`).sort();
  return [service, [...ports].sort((a, b) => a - b).join(), ...places].join(' ');
}
