import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { planOf } from '../../../test/l4/objects.ts';
import { ip } from '../../../test/l4/snapshot-steps.ts';
import type { ServicePlan } from '../../compile/l4/l4-plan.ts';
import { silentLogger } from '../../lib/logger.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { HealthChecks } from './health-check.ts';

const HERE = ip('127.0.0.1');
const ALSO_HERE = ip('127.0.0.2');
/** For documentation alone (RFC 5737): no machine has it. */
const NOT_HERE = ip('192.0.2.1');

let port: number;
let checks: HealthChecks;
let told: string[];
beforeEach(async () => {
  port = await freePort();
  told = [];
  const onTaken = (_: ServicePlan, message: string): void => void told.push(message);
  checks = new HealthChecks({
    logger: silentLogger,
    isHealthy: () => true,
    onTaken,
    retryBounds: { minMs: 5, maxMs: 10 },
  });
});
afterEach(() => checks.close());

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  server.close();
  await once(server, 'close');
  return address.port;
}

function web(readyEndpoints = 1): PersistentMap<ServicePlan> {
  return PersistentMap.from([['ns/web', { ...planOf({}), healthCheck: { port, readyEndpoints } }]]);
}

/** The status that each of these addresses answers; 0 where nobody does. */
function statuses(...hosts: readonly string[]): Promise<readonly number[]> {
  return Promise.all(
    hosts.map(async (host) => (await fetch(`http://${host}:${String(port)}/`).catch(() => undefined))?.status ?? 0),
  );
}

async function opened(host: string): Promise<Socket> {
  const socket = connect(port, host);
  await once(socket, 'connect');
  return socket;
}

it('answers as soon as a kube-proxy lets go of the port, without a change of the Service', async () => {
  const kubeProxy = createServer().listen(port);
  await once(kubeProxy, 'listening');
  await checks.update(web(2), [HERE]);
  kubeProxy.close();
  await vi.waitFor(async () => {
    const response = await fetch(`http://127.0.0.1:${String(port)}/`);
    expect(await response.json()).toMatchObject({ localEndpoints: 2, serviceProxyHealthy: true });
  });
});

it('answers on the addresses that it is given and on no other', async () => {
  await checks.update(web(), [ALSO_HERE]);
  expect(await statuses('127.0.0.2', '127.0.0.1', '127.0.0.3', '[::1]')).toEqual([200, 0, 0, 0]);
  await checks.update(web(0), [ALSO_HERE]);
  expect(await statuses('127.0.0.2', '127.0.0.1')).toEqual([503, 0]);
});

it('answers on every address of a family by its wildcard', async () => {
  await checks.update(web(), ['0.0.0.0']);
  expect(await statuses('127.0.0.1', '127.0.0.2', '[::1]')).toEqual([200, 200, 0]);
});

it('follows addresses that come and go, and cuts no connection to one that stays', async () => {
  await checks.update(web(), [HERE, ALSO_HERE]);
  const [staying, going] = await Promise.all([opened('127.0.0.1'), opened('127.0.0.2')]);
  const isCut = once(going, 'close');
  await checks.update(web(), [HERE, ip('127.0.0.3')]);
  expect(await statuses('127.0.0.1', '127.0.0.2', '127.0.0.3')).toEqual([200, 0, 200]);
  await isCut;
  staying.write('GET / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n');
  const [answer] = await once(staying, 'data');
  expect(String(answer)).toContain('200 OK');
  await checks.update(PersistentMap.empty(), [HERE]);
  expect(await statuses('127.0.0.1', '127.0.0.3')).toEqual([0, 0]);
});

it('tells once of an address that this machine does not have, and answers on the others', async () => {
  await checks.update(web(), [NOT_HERE, HERE]);
  await vi.waitFor(() => expect(told).not.toEqual([]));
  expect(told).toEqual([
    expect.stringMatching(/^cannot listen on healthCheckNodePort \d+: .*EADDRNOTAVAIL.*192\.0\.2\.1/),
  ]);
  expect(await statuses('127.0.0.1')).toEqual([200]);
});

it('has the port of a Service that went for another that came, on every address', async () => {
  await checks.update(web(), [HERE]);
  const other = { ...planOf({}), name: 'other', healthCheck: { port, readyEndpoints: 0 } };
  await checks.update(PersistentMap.from([['ns/other', other]]), [HERE, ALSO_HERE]);
  expect(await statuses('127.0.0.1', '127.0.0.2')).toEqual([503, 503]);
  expect(told).toEqual([]);
});
