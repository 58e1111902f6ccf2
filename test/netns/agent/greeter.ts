import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type Server } from 'node:net';

/**
 * What a pod of the lab runs: over TCP a line `NAME CLIENT-ADDRESS` and then an echo, over UDP that line for every datagram.
 * It binds each address by itself: a UDP socket on the wildcard address of a machine with several may answer from another one
 * than was asked, which no client takes for an answer.
 */
export class Greeter {
  readonly #servers: readonly Server[];
  readonly #sockets: readonly UdpSocket[];

  private constructor(servers: readonly Server[], sockets: readonly UdpSocket[]) {
    this.#servers = servers;
    this.#sockets = sockets;
  }

  static async start(name: string, addresses: readonly string[], port: number): Promise<Greeter> {
    const servers = await Promise.all(addresses.map((address) => listen(name, address, port)));
    const sockets = await Promise.all(addresses.map((address) => receive(name, address, port)));
    return new Greeter(servers, sockets);
  }

  stop(): void {
    for (const each of [...this.#servers, ...this.#sockets]) each.close();
  }
}

async function listen(name: string, address: string, port: number): Promise<Server> {
  const server = createServer((socket) => {
    // Probes end with a reset, so that a hundred thousand of them leave nothing in TIME_WAIT.
    socket.on('error', () => socket.destroy());
    socket.write(`${name} ${socket.remoteAddress ?? ''}\n`);
    socket.pipe(socket);
  });
  server.listen({ port, host: address, backlog: 4096 });
  await once(server, 'listening');
  return server;
}

async function receive(name: string, address: string, port: number): Promise<UdpSocket> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.on('message', (_, client) => socket.send(`${name} ${client.address}\n`, client.port, client.address));
  // An answer to a client that is gone: a server does not mind.
  socket.on('error', () => {});
  socket.bind(port, address);
  await once(socket, 'listening');
  return socket;
}
