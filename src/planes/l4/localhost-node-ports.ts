import { connect, createServer, type Server, type Socket } from 'node:net';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { messageOf } from '../../lib/fault.ts';
import type { Logger } from '../../lib/logger.ts';
import type { EndpointAddress, ServicePlan } from '../../compile/l4/l4-plan.ts';

/** A TCP node port in one family, and where its connections go. */
interface LocalPort {
  readonly key: string;
  readonly host: '127.0.0.1' | '::1';
  readonly port: number;
  readonly endpoints: readonly EndpointAddress[];
}

interface Listener {
  readonly server: Server;
  endpoints: readonly EndpointAddress[];
}

/**
 * TCP node ports on loopback addresses, through listeners of this process (KEP-6032): translating
 * packets to 127.0.0.1 would need route_localnet, which opens services of the node that listen on
 * loopback alone to its neighbours (CVE-2020-8558).
 */
export class LocalhostNodePorts {
  readonly #logger: Logger;
  readonly #listeners = new Map<string, Listener>();
  readonly #sockets = new Set<Socket>();
  #services = PersistentMap.empty<ServicePlan>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

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
      const listener = this.#listeners.get(port.key);
      if (listener === undefined) this.#listen(port);
      else listener.endpoints = port.endpoints;
    }
  }

  close(): Promise<void> {
    for (const key of this.#listeners.keys()) this.#close(key);
    for (const socket of this.#sockets) socket.destroy();
    return Promise.resolve();
  }

  #listen({ key, host, port, endpoints }: LocalPort): void {
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#forward(socket, listener));
    const listener: Listener = { server, endpoints };
    this.#listeners.set(key, listener);
    server.on('error', (error) =>
      this.#logger.error('cannot listen on a node port on localhost', { port, host, error: messageOf(error) }),
    );
    server.listen(port, host);
  }

  #close(key: string): void {
    this.#listeners.get(key)?.server.close();
    this.#listeners.delete(key);
  }

  #forward(client: Socket, { endpoints }: Listener): void {
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
