import type { GatewayServiceFields } from '../compile/gateway/gateway-service-wish.ts';
import { takesNoRequests } from '../kube/availability.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Fault } from '../lib/fault.ts';
import { portName } from '../model/gateway/made-for-gateway.ts';
import { resourceOf } from '../model/kinds.ts';
import { nameParts } from '../model/object.ts';
import type { ObservedService } from '../model/observed.ts';
import type { EndpointSlice } from '../model/service.ts';
import type { GatewaySliceWish, GatewaySliceWriter } from '../planes/gateway-services/endpoint-plane.ts';
import { TRAFFIC_POLICY, type GatewayServiceWriter } from '../planes/gateway-services/service-plane.ts';
import { observeService } from '../sources/admit/observe.ts';

/** What an object that is made for a Gateway says of its owner: the API server removes it with the Gateway. */
function ownedBy({ name, uid }: GatewayServiceFields['owner']): readonly Readonly<Record<string, unknown>>[] {
  return [{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name, uid, controller: true }];
}

/** Writes the Services of Gateways. */
export class KubeGatewayServiceWriter implements GatewayServiceWriter {
  readonly #client: KubeClient;
  readonly #fieldManager: string;

  constructor(client: KubeClient, fieldManager: string) {
    this.#client = client;
    this.#fieldManager = fieldManager;
  }

  async write(
    key: string,
    { owner, labels, annotations, className, ports }: GatewayServiceFields,
    isNew: boolean,
    signal: AbortSignal,
  ): Promise<ObservedService | undefined> {
    const target = { resource: resourceOf('Service'), ...nameParts(key) };
    const metadata = { labels, annotations, ownerReferences: ownedBy(owner) };
    const spec = {
      type: 'LoadBalancer',
      externalTrafficPolicy: TRAFFIC_POLICY,
      ipFamilyPolicy: 'PreferDualStack',
      // Nobody asks for them, and each is a port of every node.
      allocateLoadBalancerNodePorts: false,
      ...(className !== undefined && { loadBalancerClass: className }),
      ports: ports.map(({ port, targetPort }) => ({ name: portName(port), port, protocol: 'TCP', targetPort })),
    };
    // What somebody else made under this name is not taken from them.
    const options = { fieldManager: this.#fieldManager, isForced: !isNew, signal };
    const result = await this.#client.apply(target, { metadata, spec }, options);
    if (result.kind === 'written') return observeService(result.object);
    if (result.kind === 'conflict') throw result.cause;
    return undefined;
  }

  remove(key: string, uid: string, signal: AbortSignal): Promise<void> {
    return this.#client.delete(resourceOf('Service'), nameParts(key), uid, signal);
  }

  concernsAll(fault: Fault): boolean {
    return takesNoRequests(fault);
  }
}

/** Writes the EndpointSlices of these Services. */
export class KubeGatewaySliceWriter implements GatewaySliceWriter {
  readonly #client: KubeClient;
  readonly #fieldManager: string;

  constructor(client: KubeClient, fieldManager: string) {
    this.#client = client;
    this.#fieldManager = fieldManager;
  }

  async write(
    key: string,
    { service, owner, labels, addressType, ports, endpoints }: GatewaySliceWish,
    signal: AbortSignal,
  ): Promise<EndpointSlice | undefined> {
    const target = { resource: resourceOf('EndpointSlice'), ...nameParts(key) };
    const fields = {
      metadata: {
        labels: {
          ...labels,
          'kubernetes.io/service-name': service,
          'endpointslice.kubernetes.io/managed-by': 'sluice.dev',
        },
        ownerReferences: ownedBy(owner),
      },
      addressType,
      ports: ports.map(({ port, targetPort }) => ({ name: portName(port), port: targetPort, protocol: 'TCP' })),
      endpoints: endpoints.map(({ address, nodeName }) => ({
        addresses: [address],
        conditions: { ready: true },
        ...(nodeName !== undefined && { nodeName }),
      })),
    };
    const result = await this.#client.apply(target, fields, {
      fieldManager: this.#fieldManager,
      isForced: true,
      signal,
    });
    if (result.kind === 'conflict') throw result.cause;
    // What is there now is observed.
    return undefined;
  }

  concernsAll(fault: Fault): boolean {
    return takesNoRequests(fault);
  }
}
