import { createServer, type Server } from 'node:http';
import type { BackoffBounds } from '../../lib/backoff.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { Logger } from '../../lib/logger.ts';
import { PortListener } from '../../lib/port-listener.ts';
import type { ServicePlan } from '../../compile/l4/l4-plan.ts';

/** The server of one Service. */
interface Check {
  readonly server: Server;
  readonly listener: PortListener;
  readonly port: number;
  service: ServicePlan;
}

export interface HealthChecksOptions {
  readonly logger: Logger;
  /** Whether the kernel has what it should have. */
  readonly isHealthy: () => boolean;
  /** Called when another program has the port of a Service, with why; not again for further tries. */
  readonly onTaken?: (service: ServicePlan, message: string) => void;
  /** How soon a port that is taken is tried again. */
  readonly retryBounds?: BackoffBounds;
}

/**
 * The HTTP servers of healthCheckNodePort, by which a balancer outside learns which nodes have ready
 * endpoints (core/v1 ServiceSpec.healthCheckNodePort). The answer has the form of kube-proxy's, which
 * balancers' templates expect.
 */
export class HealthChecks {
  readonly #checks = new Map<string, Check>();
  readonly #options: HealthChecksOptions;
  #services = PersistentMap.empty<ServicePlan>();

  constructor(options: HealthChecksOptions) {
    this.#options = options;
  }

  /** Starts, stops and updates what differs from the last call. A port that is taken is told, and had as soon as it is free. */
  async update(services: PersistentMap<ServicePlan>): Promise<void> {
    const changed: (readonly [string, ServicePlan | undefined])[] = [];
    PersistentMap.diff(this.#services, services, (key, _, after) => changed.push([key, after]));
    this.#services = services;
    // What goes frees ports for what comes.
    for (const [key, service] of changed) {
      const check = this.#checks.get(key);
      if (check === undefined) continue;
      if (service?.healthCheck?.port === check.port) check.service = service;
      else await this.#stop(key, check);
    }
    for (const [key, service] of changed)
      if (service?.healthCheck !== undefined && !this.#checks.has(key)) await this.#start(key, service);
  }

  async close(): Promise<void> {
    for (const [key, check] of this.#checks) await this.#stop(key, check);
    this.#services = PersistentMap.empty();
  }

  async #start(key: string, service: ServicePlan): Promise<void> {
    const port = service.healthCheck?.port;
    if (port === undefined) return;
    const server = createServer((_, response) => {
      const { status, body } = this.#answer(check.service);
      response.writeHead(status, {
        'content-type': 'application/json',
        'x-content-type-options': 'nosniff',
        'x-load-balancing-endpoint-weight': String(check.service.healthCheck?.readyEndpoints ?? 0),
      });
      response.end(body);
    });
    const { logger, onTaken, retryBounds } = this.#options;
    const fields = { service: key, port };
    const listener = new PortListener({
      server,
      port,
      onTaken: (error) => {
        logger.error('cannot listen on a healthCheckNodePort; balancers will not send traffic for it here', {
          ...fields,
          error,
        });
        onTaken?.(service, `cannot listen on healthCheckNodePort ${String(port)}: ${error}`);
      },
      onFreed: () => logger.info('a healthCheckNodePort that was taken answers now', fields),
      ...(retryBounds === undefined ? {} : { retryBounds }),
    });
    const check: Check = { server, listener, port, service };
    this.#checks.set(key, check);
    await listener.open();
  }

  async #stop(key: string, { server, listener }: Check): Promise<void> {
    this.#checks.delete(key);
    server.closeAllConnections();
    await listener.close();
  }

  #answer({ namespace, name, healthCheck }: ServicePlan): { readonly status: number; readonly body: string } {
    const localEndpoints = healthCheck?.readyEndpoints ?? 0;
    const serviceProxyHealthy = this.#options.isHealthy();
    const body = JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy }, undefined, '\t');
    return { status: localEndpoints > 0 && serviceProxyHealthy ? 200 : 503, body };
  }
}
