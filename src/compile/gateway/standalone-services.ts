import { familyOf } from '../../model/address-range.ts';
import { portName } from '../../model/gateway/made-for-gateway.ts';
import { ipAddressOf, type IpAddress } from '../../model/grammar.ts';
import { nameParts, type ObjectMeta } from '../../model/object.ts';
import { DEFAULT_TRAFFIC, NO_PLACE, type EndpointSlice, type Service } from '../../model/service.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { CompileSettings, Facts } from '../settings.ts';
import type { GatewayServiceFields } from './gateway-service-wish.ts';
import { serviceWishes } from './service-wishes.ts';

/** A Service with its slices, and all that they follow from. */
interface Own {
  readonly text: string;
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
}

/** Objects that nobody wrote, and what they were made of. */
interface Made {
  readonly of: Pick<Snapshot, 'services' | 'endpointSlices' | 'gateways' | 'gatewayClasses' | 'addressPools'>;
  readonly machine: string;
  readonly services: Snapshot['services'];
  readonly slices: Snapshot['endpointSlices'];
}

/**
 * Without an API server there are no Services of Gateways to read. They are made here, with this machine behind them, and join those that
 * somebody wrote: addresses, announcement and rules of the kernel follow as from any other Service.
 */
export class StandaloneServices {
  readonly #settings: CompileSettings;
  #own: ReadonlyMap<string, Own> = new Map();
  #made: Made | undefined;

  constructor(settings: CompileSettings) {
    this.#settings = settings;
  }

  /** The Snapshot with them. What they have had stays theirs: inner ports of a Gateway outlive the coming and going of others. */
  joined(snapshot: Snapshot, { node }: Facts): Snapshot {
    if (this.#settings.mode === 'cluster' || this.#settings.innerPorts === undefined) return snapshot;
    const { services, endpointSlices, gateways, gatewayClasses, addressPools } = snapshot;
    const machine = node.addresses.join();
    const before = this.#made;
    const isSame =
      before?.machine === machine &&
      before.of.services === services &&
      before.of.endpointSlices === endpointSlices &&
      before.of.gateways === gateways &&
      before.of.gatewayClasses === gatewayClasses &&
      before.of.addressPools === addressPools;
    if (isSame) return { ...snapshot, services: before.services, endpointSlices: before.slices };
    this.#make(snapshot, node.addresses);
    const joined = this.#with(snapshot);
    const of = { services, endpointSlices, gateways, gatewayClasses, addressPools };
    this.#made = { of, machine, services: joined.services, slices: joined.endpointSlices };
    return joined;
  }

  #make(snapshot: Snapshot, machine: readonly IpAddress[]): void {
    const own = new Map<string, Own>();
    for (const [key, wish] of serviceWishes(this.#with(snapshot), this.#settings).entries()) {
      const known = this.#own.get(key);
      if (wish.kind === 'keep') {
        if (known !== undefined) own.set(key, known);
        continue;
      }
      const text = JSON.stringify([wish, machine]);
      // The same objects, or everything that depends on them is computed again.
      own.set(key, known?.text === text ? known : { text, ...this.#objectsOf(key, wish, machine) });
    }
    this.#own = own;
  }

  /** What somebody wrote under such a name is theirs. */
  #with(snapshot: Snapshot): Snapshot {
    let { services, endpointSlices } = snapshot;
    for (const [key, { service, slices }] of this.#own) {
      if (snapshot.services.has(key)) continue;
      services = services.set(key, service);
      for (const slice of slices) endpointSlices = endpointSlices.set(`${key}-${familyNameOf(slice)}`, slice);
    }
    return { ...snapshot, services, endpointSlices };
  }

  #objectsOf(
    key: string,
    wish: GatewayServiceFields,
    machine: readonly IpAddress[],
  ): { readonly service: Service; readonly slices: readonly EndpointSlice[] } {
    const { namespace = '', name } = nameParts(key);
    const meta: ObjectMeta = { namespace, name, uid: '', createdMs: wish.createdMs };
    return { service: serviceFrom(meta, wish), slices: this.#slicesFrom(meta, wish, machine) };
  }

  #slicesFrom(
    meta: ObjectMeta,
    { ports }: GatewayServiceFields,
    machine: readonly IpAddress[],
  ): readonly EndpointSlice[] {
    const placement = { ...NO_PLACE, nodeName: this.#settings.l4?.nodeName };
    const primary = [4, 6].flatMap((family) => machine.find((address) => familyOf(address) === family) ?? []);
    return primary.map((address): EndpointSlice => ({
      meta: { ...meta, name: `${meta.name}-ipv${String(familyOf(address))}` },
      kind: 'EndpointSlice',
      service: meta.name,
      isHeadless: false,
      subsets: [
        {
          ports: ports.map(({ port, targetPort }) => ({
            name: portName(port),
            port: targetPort,
            protocol: 'TCP',
            appProtocol: undefined,
          })),
          endpoints: [{ address, ready: true, serving: true, terminating: false, placement }],
        },
      ],
    }));
  }
}

function familyNameOf({ meta }: EndpointSlice): string {
  return meta.name.slice(meta.name.lastIndexOf('-') + 1);
}

function serviceFrom(meta: ObjectMeta, { labels, annotations, className, ports }: GatewayServiceFields): Service {
  const asked = (annotations['metallb.io/loadBalancerIPs'] ?? '').split(',').flatMap((text) => ipAddressOf(text) ?? []);
  return {
    meta,
    type: 'LoadBalancer',
    ports: ports.map(({ port, targetPort }) => ({
      name: portName(port),
      port,
      protocol: 'TCP',
      targetPort,
      appProtocol: undefined,
      nodePort: undefined,
    })),
    externalName: undefined,
    publishedAddresses: [],
    traffic: {
      ...DEFAULT_TRAFFIC,
      families: { policy: 'PreferDualStack', families: [] },
      // The client's address stays.
      externalPolicy: 'Local',
      wantsNodePorts: false,
    },
    loadBalancer: {
      className,
      request: asked.length === 0 ? { kind: 'any' } : { kind: 'addresses', addresses: asked, field: 'spec.addresses' },
      pool: annotations['metallb.io/address-pool'],
      sharingKey: annotations['metallb.io/allow-shared-ip'],
      labels,
      allocatedFrom: undefined,
      virtualRouters: [],
      selector: '',
    },
  };
}
