import { createServer, type Server } from 'node:http';
import type { BackoffBounds } from '../../lib/backoff.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { Logger } from '../../lib/logger.ts';
import { PortListener } from '../../lib/port-listener.ts';
import type { ListenHost, ServicePlan } from '../../compile/l4/l4-plan.ts';

/** What answers for one Service. */
interface Check {
  readonly key: string;
  readonly port: number;
  /** By the address that each listens on. */
  readonly servers: Map<ListenHost, CheckServer>;
  service: ServicePlan;
}

interface CheckServer {
  readonly server: Server;
  readonly listener: PortListener;
}

export interface HealthChecksOptions {
  readonly logger: Logger;
  /** Whether the kernel has what it should have. */
  readonly isHealthy: () => boolean;
  /** Called when the port of a Service cannot be had on an address, with why; not again for further tries. */
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
  #addresses: readonly ListenHost[] = [];

  constructor(options: HealthChecksOptions) {
    this.#options = options;
  }

  /**
   * Starts, stops and updates what differs from the last call. A port that is taken, or an address that is not there, is told, and had
   * as soon as it can be.
   */
  async update(services: PersistentMap<ServicePlan>, addresses: readonly ListenHost[]): Promise<void> {
    const changed: (readonly [string, ServicePlan | undefined])[] = [];
    PersistentMap.diff(this.#services, services, (key, _, after) => changed.push([key, after]));
    const gone = this.#addresses.filter((address) => !addresses.includes(address));
    const came = addresses.filter((address) => !this.#addresses.includes(address));
    this.#services = services;
    this.#addresses = addresses;
    // What goes frees ports for what comes.
    for (const [key, service] of changed) {
      const check = this.#checks.get(key);
      if (check === undefined) continue;
      if (service?.healthCheck?.port === check.port) check.service = service;
      else await this.#remove(check);
    }
    if (gone.length > 0) for (const check of this.#checks.values()) await stop(check, gone);
    if (came.length > 0) for (const check of this.#checks.values()) await this.#start(check, came);
    for (const [key, service] of changed) {
      const port = service?.healthCheck?.port;
      if (service === undefined || port === undefined || this.#checks.has(key)) continue;
      const check: Check = { key, port, servers: new Map(), service };
      this.#checks.set(key, check);
      await this.#start(check, addresses);
    }
  }

  async close(): Promise<void> {
    for (const check of this.#checks.values()) await this.#remove(check);
    this.#services = PersistentMap.empty();
    this.#addresses = [];
  }

  async #remove(check: Check): Promise<void> {
    this.#checks.delete(check.key);
    await stop(check, [...check.servers.keys()]);
  }

  async #start(check: Check, addresses: readonly ListenHost[]): Promise<void> {
    const { logger, onTaken, retryBounds } = this.#options;
    const { port } = check;
    const listeners = addresses.map((address) => {
      const fields = { service: check.key, address, port };
      const server = this.#serverOf(check);
      const listener = new PortListener({
        server,
        port,
        host: address,
        ipv6Only: true,
        mayBeAway: true,
        onTaken: (error) => {
          logger.error('cannot listen on a healthCheckNodePort; balancers will not send traffic for it here', {
            ...fields,
            error,
          });
          onTaken?.(check.service, `cannot listen on healthCheckNodePort ${String(port)}: ${error}`);
        },
        onFreed: () => logger.info('a healthCheckNodePort that was taken answers now', fields),
        ...(retryBounds === undefined ? {} : { retryBounds }),
      });
      check.servers.set(address, { server, listener });
      return listener;
    });
    await Promise.all(listeners.map((listener) => listener.open()));
  }

  #serverOf(check: Check): Server {
    return createServer((_, response) => {
      const { status, body } = this.#answer(check.service);
      response.writeHead(status, {
        'content-type': 'application/json',
        'x-content-type-options': 'nosniff',
        'x-load-balancing-endpoint-weight': String(check.service.healthCheck?.readyEndpoints ?? 0),
      });
      response.end(body);
    });
  }

  #answer({ namespace, name, healthCheck }: ServicePlan): { readonly status: number; readonly body: string } {
    const localEndpoints = healthCheck?.readyEndpoints ?? 0;
    const serviceProxyHealthy = this.#options.isHealthy();
    const body = JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy }, undefined, '\t');
    return { status: localEndpoints > 0 && serviceProxyHealthy ? 200 : 503, body };
  }
}

async function stop({ servers }: Check, addresses: readonly ListenHost[]): Promise<void> {
  for (const address of addresses) {
    const running = servers.get(address);
    servers.delete(address);
    running?.server.closeAllConnections();
    await running?.listener.close();
  }
}
