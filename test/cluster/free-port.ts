import { once } from 'node:events';
import { createServer } from 'node:net';
import { randomInt } from 'node:crypto';

/**
 * Below the range from which the kernel gives out ports for outgoing connections (32768–60999, see
 * net.ipv4.ip_local_port_range), so that nobody gets it while the server that it is for is down.
 */
const range = { from: 20_000, to: 32_000 };

const attempts = 50;

/** A TCP port on 127.0.0.1 that nobody listens on, and that stays free while its owner restarts. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = randomInt(range.from, range.to);
    if (await isFree(port)) return port;
  }
  throw new Error(`found no free TCP port on 127.0.0.1 between ${range.from} and ${range.to} in ${attempts} attempts`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    // Whatever the reason (taken, or reserved by the system), this port will not do.
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
