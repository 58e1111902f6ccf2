import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { KubeClient } from '../kube/client.ts';
import type { Heartbeat } from '../kube/heartbeat.ts';
import type { IpAddress } from '../model/grammar.ts';
import type { PublishedAddress } from '../model/service.ts';
import { GATEWAY_LABEL, gatewayAnnotations } from '../sources/cluster/gateway-leases.ts';
import type { Installation } from './installation.ts';

/** Where a gateway is. */
export interface GatewayPlace {
  /** Under which others of the cluster reach it. */
  readonly endpoints: readonly IpAddress[];
  readonly nodeName: string;
}

/** Reports to the leader that this process serves, and under which addresses it is reached. */
export class GatewayReport {
  readonly #heartbeat: Heartbeat;
  readonly #end = new AbortController();
  readonly #place: GatewayPlace;

  constructor(client: KubeClient, namespace: string, { label, fieldManager }: Installation, place: GatewayPlace) {
    this.#place = place;
    // A new name for every start: what is left of a process that was killed must not be taken for its successor.
    const id = randomUUID();
    this.#heartbeat = client.heartbeat({
      lease: { namespace, name: `${label}-gateway-${id.slice(0, 8)}` },
      identity: `${hostname()}_${id}`,
      labels: { [GATEWAY_LABEL]: label },
      fieldManager,
    });
  }

  addresses(addresses: readonly PublishedAddress[]): void {
    const { endpoints, nodeName } = this.#place;
    this.#heartbeat.annotate(gatewayAnnotations(addresses, endpoints, nodeName));
  }

  /** Clients are to go elsewhere from now on, although those that come are still served. */
  withdraw(): void {
    this.#end.abort();
  }

  /** Reports until `signal` is aborted, or until {@link withdraw}. */
  run(signal: AbortSignal): Promise<void> {
    return this.#heartbeat.run(AbortSignal.any([signal, this.#end.signal]));
  }
}
