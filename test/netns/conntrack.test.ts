import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Fault } from '../../src/lib/fault.ts';
import { Conntrack, type Flow } from '../../src/planes/l4/kernel/conntrack.ts';
import { nft, run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

/** Two virtual addresses of each family that lead to this machine itself. */
const translation = `
table ip vip {
  chain output {
    type nat hook output priority -100
    ip daddr 10.96.0.10 udp dport 53 dnat to 127.0.0.1:5353
    ip daddr 10.96.0.11 udp dport 53 dnat to 127.0.0.2:5353
  }
}
table ip6 vip {
  chain output {
    type nat hook output priority -100
    ip6 daddr fd00::10 udp dport 53 dnat to [::1]:5353
  }
}`;

let folder: string;
let conntrack: Conntrack;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-conntrack-test-'));
  conntrack = new Conntrack(folder);
  run('ip', ['route', 'add', 'table', 'local', 'local', '10.96.0.0/24', 'dev', 'lo']);
  run('ip', ['-6', 'route', 'add', 'table', 'local', 'local', 'fd00::/64', 'dev', 'lo']);
});
beforeEach(() => {
  nft(translation);
  run('conntrack', ['-F']);
});

afterEach(() => {
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Sends one datagram from a port of its own each. */
async function send(count: number, destination: string): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = createSocket(destination.includes(':') ? 'udp6' : 'udp4');
      socket.on('error', () => undefined); // nobody listens
      socket.send('x', 53, destination);
      await once(socket, 'listening');
      await new Promise((resolve) => setImmediate(resolve));
      socket.close();
    }),
  );
}

const to = (flows: readonly Flow[], destination: string): readonly Flow[] =>
  flows.filter((flow) => flow.destination === destination);

test('lists the flows of each family with who answers them', async () => {
  await send(3, '10.96.0.10');
  await send(1, 'fd00::10');
  const flows = to(await conntrack.list('udp', 4), '10.96.0.10');
  expect(flows).toHaveLength(3);
  expect(flows[0]).toMatchObject({ destinationPort: 53, replySource: '127.0.0.1', replySourcePort: 5353 });
  expect(await conntrack.list('udp', 6)).toMatchObject([
    { destination: 'fd00::10', destinationPort: 53, replySource: '::1', replySourcePort: 5353 },
  ]);
});

test('deletes the flows on the paths named, of both families, and no others', async () => {
  // As in a pod: all is read-only but the folder given.
  vi.stubEnv('TMPDIR', '/proc');
  await send(200, '10.96.0.10');
  await send(50, '10.96.0.11');
  await send(2, 'fd00::10');
  const path = {
    protocol: 'udp' as const,
    destination: '10.96.0.10',
    destinationPort: 53,
    replySource: '127.0.0.1',
    replySourcePort: 5353,
  };
  await conntrack.delete([
    { ...path, replySource: '127.0.0.2' },
    { ...path, replySourcePort: 5354 },
  ]);
  expect(to(await conntrack.list('udp', 4), '10.96.0.10')).toHaveLength(200);
  await conntrack.delete([
    ...to(await conntrack.list('udp', 4), '10.96.0.10'),
    ...(await conntrack.list('udp', 6)),
    { ...path, destination: '10.96.0.99' },
  ]);
  expect(to(await conntrack.list('udp', 4), '10.96.0.10')).toEqual([]);
  expect(await conntrack.list('udp', 6)).toEqual([]);
  expect(to(await conntrack.list('udp', 4), '10.96.0.11')).toHaveLength(50);
  expect(await readdir(folder)).toEqual([]);
});

test('says by a Fault when the folder can not be written to', async () => {
  const path = {
    protocol: 'udp' as const,
    destination: '10.96.0.10',
    destinationPort: 53,
    replySource: '127.0.0.1',
    replySourcePort: 5353,
  };
  await expect(new Conntrack('/proc').delete([path])).rejects.toThrow(Fault);
});

test('nothing to delete is no work and no error', async () => {
  await conntrack.delete([]);
});

test('lists and deletes the connects of TCP that nobody has answered, and no others', async () => {
  run('ip', ['link', 'add', 'lan', 'type', 'veth', 'peer', 'name', 'nobody']);
  try {
    run('ip', ['address', 'add', '10.90.0.1/24', 'dev', 'lan']);
    for (const link of ['lan', 'nobody']) run('ip', ['link', 'set', link, 'up']);
    run('ip', ['route', 'add', '203.0.113.0/24', 'via', '10.90.0.2']);
    run('ip', ['neighbour', 'add', '10.90.0.2', 'lladdr', '02:00:00:00:00:01', 'dev', 'lan']);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const answered = connect(port, '127.0.0.1');
    await once(answered, 'connect');
    const waiting = [80, 81].map((each) => connect(each, '203.0.113.7').on('error', () => undefined));
    const ports = async (): Promise<readonly number[]> =>
      (await conntrack.list('tcp', 4)).map(({ destinationPort }) => destinationPort).sort((a, b) => a - b);
    await vi.waitFor(async () => expect(await ports()).toEqual([80, 81]));
    const own = { destination: '127.0.0.1', replySource: '127.0.0.1', destinationPort: port, replySourcePort: port };
    const flows = await conntrack.list('tcp', 4);
    await conntrack.delete([{ protocol: 'tcp', ...own }, ...flows.filter((flow) => flow.destinationPort === 80)]);
    expect(await ports()).toEqual([81]);
    expect(run('conntrack', ['-L', '-p', 'tcp', '--state', 'ESTABLISHED'])).toContain(`dport=${String(port)}`);
    for (const socket of [answered, ...waiting]) socket.destroy();
    server.close();
  } finally {
    run('ip', ['link', 'delete', 'lan']);
  }
});
