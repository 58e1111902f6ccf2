import { createServer, type Server } from 'node:net';

/** The first of some ports in a row that are free on 127.0.0.1, below those that connections to others take. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 10_000 + Math.floor(Math.random() * 20_000);
    const servers = await Promise.all(Array.from({ length: count }, (_, index) => listening(first + index)));
    await Promise.all(servers.map((server) => new Promise((resolve) => server?.close(resolve) ?? resolve(undefined))));
    if (servers.every((server) => server !== undefined)) return first;
  }
}

function listening(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
