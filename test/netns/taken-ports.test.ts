import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { createServer as createHttpServer } from 'node:http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ServicePlan } from '../../src/compile/l4/l4-plan.ts';
import type { Logger } from '../../src/lib/logger.ts';
import { PersistentMap } from '../../src/lib/persistent-map.ts';
import { HealthChecks } from '../../src/planes/l4/health-check.ts';
import { LocalhostNodePorts } from '../../src/planes/l4/localhost-node-ports.ts';
import { frontendOf, planOf, target } from '../l4/objects.ts';
import { ip } from '../l4/snapshot-steps.ts';
import { run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

const PORT = 30_080;
const LOCALHOST = ip('127.0.0.1');
const SOON = { minMs: 10, maxMs: 20 };

let lines: string[];
let other: Server;
const logger: Logger = {
  debug: (message) => void lines.push(message),
  info: (message) => void lines.push(`info: ${message}`),
  warn: (message) => void lines.push(message),
  error: (message) => void lines.push(`error: ${message}`),
  with: () => logger,
};

beforeEach(async () => {
  lines = [];
  other = createServer().listen(PORT);
  await once(other, 'listening');
});
afterEach(() => void other.close());

function only(service: ServicePlan): PersistentMap<ServicePlan> {
  return PersistentMap.from([['ns/web', service]]);
}

function withCheck(readyEndpoints: number): ServicePlan {
  return { ...planOf({}), healthCheck: { port: PORT, readyEndpoints } };
}

async function status(host = '127.0.0.1'): Promise<number> {
  return (await fetch(`http://${host}:${String(PORT)}/`)).status;
}

/** Long enough for some tries, of which the log is to have one line. */
const someTries = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 200));

test('a healthCheckNodePort that another program has is had once that lets go of it', async () => {
  const told: string[] = [];
  const onTaken = ({ name }: ServicePlan, message: string): void => void told.push(`${name}: ${message}`);
  const checks = new HealthChecks({ logger, isHealthy: () => true, onTaken, retryBounds: SOON });
  try {
    await checks.update(only(withCheck(1)), [LOCALHOST]);
    await someTries();
    await checks.update(only(withCheck(0)), [LOCALHOST]);
    const taken = 'error: cannot listen on a healthCheckNodePort; balancers will not send traffic for it here';
    expect(lines).toEqual([taken]);
    expect(told).toEqual([expect.stringContaining(`cannot listen on healthCheckNodePort ${String(PORT)}`)]);
    other.close();
    await vi.waitFor(async () => expect(await status()).toBe(503));
    expect(lines).toEqual([taken, 'info: a healthCheckNodePort that was taken answers now']);
    await checks.update(only(withCheck(2)), [LOCALHOST]);
    expect(await status()).toBe(200);
  } finally {
    await checks.close();
  }
});

test('a healthCheckNodePort that its Service lost while it was taken is not had any more', async () => {
  const checks = new HealthChecks({ logger, isHealthy: () => true, retryBounds: SOON });
  await checks.update(only(withCheck(1)), [LOCALHOST]);
  await checks.update(PersistentMap.empty(), [LOCALHOST]);
  other.close();
  await someTries();
  await expect(status()).rejects.toThrow('fetch failed');
  await checks.close();
});

test('a healthCheckNodePort answers on an address that its interface gets later', async () => {
  other.close();
  const [ipv4, ipv6] = [ip('192.0.2.1'), ip('2001:db8::1')];
  const checks = new HealthChecks({ logger, isHealthy: () => true, retryBounds: SOON });
  try {
    await checks.update(only(withCheck(1)), [ipv4, ipv6]);
    await someTries();
    const missing = 'error: cannot listen on a healthCheckNodePort; balancers will not send traffic for it here';
    expect(lines).toEqual([missing, missing]);
    run('ip', ['address', 'add', `${ipv4}/32`, 'dev', 'lo']);
    run('ip', ['address', 'add', `${ipv6}/128`, 'dev', 'lo']);
    await vi.waitFor(async () => expect([await status(ipv4), await status(`[${ipv6}]`)]).toEqual([200, 200]));
    const had = 'info: a healthCheckNodePort that was taken answers now';
    expect(lines.slice(2)).toEqual([had, had]);
  } finally {
    await checks.close();
    run('ip', ['address', 'flush', 'dev', 'lo', 'scope', 'global']);
  }
});

test('a healthCheckNodePort answers on the wildcards of both families, and by IPv4 while IPv6 is switched off', async () => {
  other.close();
  const disable = '/proc/sys/net/ipv6/conf/all/disable_ipv6';
  const before = await readFile(disable, 'utf8');
  const checks = new HealthChecks({ logger, isHealthy: () => true, retryBounds: SOON });
  try {
    await checks.update(only(withCheck(1)), ['0.0.0.0', '::']);
    expect([await status(), await status('[::1]')]).toEqual([200, 200]);
    await writeFile(disable, '1');
    expect(await status()).toBe(200);
    await checks.update(only(withCheck(1)), ['0.0.0.0', ip('::1')]);
    await someTries();
    expect(lines).toEqual([expect.stringMatching(/^error: cannot listen on a healthCheckNodePort/)]);
    await writeFile(disable, before);
    await vi.waitFor(async () => expect(await status('[::1]')).toBe(200));
  } finally {
    await checks.close();
    await writeFile(disable, before);
  }
});

test('a node port on localhost that another program has is had once that lets go of it', async () => {
  const endpoint = createHttpServer((_, response) => response.writeHead(204).end()).listen(8080, '127.0.0.7');
  await once(endpoint, 'listening');
  const ports = new LocalhostNodePorts(logger, SOON);
  try {
    const frontends = [frontendOf({ kind: 'NodePort', address: undefined, port: PORT })];
    ports.update(only(planOf({ frontends, cluster: [] })));
    await someTries();
    ports.update(only(planOf({ frontends, cluster: [target('127.0.0.7:8080')] })));
    expect(lines).toEqual(['error: cannot listen on a node port on localhost']);
    other.close();
    await vi.waitFor(async () => expect(await status()).toBe(204));
    expect(lines.slice(1)).toEqual(['info: a node port on localhost that was taken answers now']);
  } finally {
    await ports.close();
    endpoint.closeAllConnections();
    endpoint.close();
  }
});
