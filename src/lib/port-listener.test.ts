import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { PortListener, type PortListenerOptions } from './port-listener.ts';

const host = '127.0.0.1';
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function takenPort(): Promise<{ readonly port: number; readonly other: Server }> {
  const other = createServer().listen(0, host);
  servers.push(other);
  await once(other, 'listening');
  return { port: (other.address() as AddressInfo).port, other };
}

function listenerOn(
  port: number,
  given: Partial<PortListenerOptions> = {},
): {
  readonly listener: PortListener;
  readonly server: Server;
  readonly told: string[];
} {
  const server = createServer((socket) => socket.end());
  const told: string[] = [];
  const listener = new PortListener({
    server,
    port,
    host,
    onTaken: (reason) => told.push(reason),
    onFreed: () => told.push('freed'),
    retryBounds: { minMs: 1, maxMs: 5 },
    ...given,
  });
  return { listener, server, told };
}

it('listens, and tells nothing where the port is free', async () => {
  const { port, other } = await takenPort();
  other.close();
  const { listener, server, told } = listenerOn(port);
  await listener.open();
  expect(server.listening).toBe(true);
  await listener.close();
  expect(server.listening).toBe(false);
  expect(told).toEqual([]);
});

it('waits for a port that is taken, tells so once, and tells when it has it', async () => {
  const { port, other } = await takenPort();
  const { listener, server, told } = listenerOn(port);
  const tries = vi.spyOn(server, 'listen');
  await listener.open();
  await vi.waitFor(() => expect(tries.mock.calls.length).toBeGreaterThan(12));
  expect(told).toEqual([expect.stringContaining('EADDRINUSE')]);
  other.close();
  await vi.waitFor(() => expect(server.listening).toBe(true));
  await vi.waitFor(() => expect(told).toEqual([expect.stringContaining('EADDRINUSE'), 'freed']));
  await once(connect(port, host), 'close');
  await listener.close();
});

it('leaves alone what it was told to let go of, listening or not', async () => {
  const { port, other } = await takenPort();
  const waiting = listenerOn(port);
  await waiting.listener.open();
  await waiting.listener.close();
  const tries = vi.spyOn(waiting.server, 'listen');
  other.close();
  const next = listenerOn(port);
  // In the middle of a try.
  next.listener.open().catch(() => undefined);
  await next.listener.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(next.server.listening).toBe(false);
  expect(tries).not.toHaveBeenCalled();
});

// For documentation alone (RFC 5737): no machine has it.
const AWAY = '192.0.2.1';

it('tells at once of an address that is not there', async () => {
  const { listener, told } = listenerOn(9, { host: AWAY });
  await listener.open();
  expect(told).toEqual([expect.stringContaining('EADDRNOTAVAIL')]);
  await listener.close();
});

it('tells of an address that may be away only when it stays away', async () => {
  const { listener, told } = listenerOn(9, { host: AWAY, mayBeAway: true });
  await listener.open();
  expect(told).toEqual([]);
  await vi.waitFor(() => expect(told).toEqual([expect.stringContaining('EADDRNOTAVAIL')]));
  await listener.close();
});
