import { connect, createServer, type Socket } from 'node:net';
import type { BackoffBounds } from '../../lib/backoff.ts';
import { crash } from '../../lib/crash.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { Logger } from '../../lib/logger.ts';
import type { EndpointAddress, ServicePlan } from '../../compile/l4/l4-plan.ts';
import { PortListener } from '../../lib/port-listener.ts';

/** A TCP node port in one family, and where its connections go. */
interface LocalPort {
  readonly key: string;
  readonly host: '127.0.0.1' | '::1';
  readonly port: number;
  readonly endpoints: readonly EndpointAddress[];
}

interface Target {
  readonly listener: PortListener;
  endpoints: readonly EndpointAddress[];
}

/**
 * TCP node ports on loopback addresses, through listeners of this process (KEP-6032): translating
 * packets to 127.0.0.1 would need route_localnet, which opens services of the node that listen on
 * loopback alone to its neighbours (CVE-2020-8558).
 */
export class LocalhostNodePorts {
  readonly #logger: Logger;
  readonly #retryBounds: BackoffBounds | undefined;
  readonly #targets = new Map<string, Target>();
  readonly #sockets = new Set<Socket>();
  #services = PersistentMap.empty<ServicePlan>();

  /** `retryBounds` says how soon a port that is taken is tried again. */
  constructor(logger: Logger, retryBounds?: BackoffBounds) {
    this.#logger = logger;
    this.#retryBounds = retryBounds;
  }

  /** Opens, closes and updates what differs from the last call. A port that is taken is told, and had as soon as it is free. */
  update(services: PersistentMap<ServicePlan>): void {
    const gone = new Map<string, LocalPort>();
    const wanted = new Map<string, LocalPort>();
    PersistentMap.diff(this.#services, services, (_, before, after) => {
      for (const port of localPorts(before)) gone.set(port.key, port);
      for (const port of localPorts(after)) wanted.set(port.key, port);
    });
    this.#services = services;
    for (const key of gone.keys()) if (!wanted.has(key)) this.#close(key);
    for (const port of wanted.values()) {
      const target = this.#targets.get(port.key);
      if (target === undefined) this.#listen(port);
      else target.endpoints = port.endpoints;
    }
  }

  close(): Promise<void> {
    for (const key of this.#targets.keys()) this.#close(key);
    for (const socket of this.#sockets) socket.destroy();
    return Promise.resolve();
  }

  #listen({ key, host, port, endpoints }: LocalPort): void {
    const fields = { host, port };
    const listener = new PortListener({
      server: createServer({ allowHalfOpen: true }, (socket) => this.#forward(socket, target)),
      ...fields,
      onTaken: (error) => this.#logger.error('cannot listen on a node port on localhost', { ...fields, error }),
      onFreed: () => this.#logger.info('a node port on localhost that was taken answers now', fields),
      ...(this.#retryBounds === undefined ? {} : { retryBounds: this.#retryBounds }),
    });
    const target: Target = { listener, endpoints };
    this.#targets.set(key, target);
    listener.open().catch(crash);
  }

  #close(key: string): void {
    this.#targets.get(key)?.listener.close().catch(crash);
    this.#targets.delete(key);
  }

  #forward(client: Socket, { endpoints }: Target): void {
    const endpoint = endpoints[Math.floor(Math.random() * endpoints.length)];
    if (endpoint === undefined) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ host: endpoint.address, port: endpoint.port, allowHalfOpen: true });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => this.#sockets.delete(socket));
      socket.pipe(other);
    }
  }
}

function localPorts(service: ServicePlan | undefined): readonly LocalPort[] {
  return (service?.ports ?? []).flatMap((port) => {
    if (port.protocol !== 'TCP') return [];
    const host = port.family === 4 ? '127.0.0.1' : '::1';
    return port.frontends
      .filter((frontend) => frontend.kind === 'NodePort')
      .map(({ port: number }) => ({ key: `${host} ${String(number)}`, host, port: number, endpoints: port.cluster }));
  });
}
