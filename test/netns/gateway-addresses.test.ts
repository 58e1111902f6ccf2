/** Gateways with addresses of a pool, by `sluice run` on one machine: the kernel leads each address to ports of HAProxy. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

const SLUICE = fileURLToPath(new URL('../../bin/sluice', import.meta.url));
const MACHINE = '10.77.0.1';
const DEADLINE_MS = 60_000;

const backends = ['one', 'two'].map((name) =>
  createServer(({ headers }, response) => response.end(JSON.stringify({ name, client: headers['x-real-ip'] }))),
);
let root: string;
let child: ChildProcess | undefined;
let output = '';

function gateway(name: string, port: number, spec: object = {}): object {
  const listeners = [{ name: 'web', port, protocol: 'HTTP' }];
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name },
    spec: { gatewayClassName: 'sluice', listeners, ...spec },
  };
}

function route(gatewayName: string, target: string): object {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: gatewayName },
    spec: { parentRefs: [{ name: gatewayName }], rules: [{ backendRefs: [{ name: target, port: 80 }] }] },
  };
}

function service(name: string, port: number): readonly object[] {
  const subsets = [{ addresses: [{ ip: MACHINE }], ports: [{ port }] }];
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 80 }] } },
    { apiVersion: 'v1', kind: 'Endpoints', metadata: { name }, subsets },
  ];
}

async function write(...objects: readonly object[]): Promise<void> {
  await writeFile(join(root, 'manifests', 'all.yaml'), objects.map((object) => JSON.stringify(object)).join('\n---\n'));
}

/** What answers at an address and a port, or why nothing does. */
async function ask(address: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const asked = request({ host: address, port, timeout: 1000, headers: { host: 'any.test' } }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve(response.statusCode === 200 ? body : String(response.statusCode)));
    });
    asked.on('timeout', () => asked.destroy(new Error('silence')));
    asked.on('error', (thrown) => resolve(thrown.message));
    asked.end();
  });
}

async function until(address: string, port: number, answer: string): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  let last = '';
  while (performance.now() < deadline) {
    last = await ask(address, port);
    if (last === answer) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${address}:${String(port)} answered ${last}, not ${answer}\n${output}`);
}

function from(name: string): string {
  return JSON.stringify({ name, client: MACHINE });
}

beforeAll(async () => {
  run('ip', ['link', 'add', 'lan', 'type', 'veth', 'peer', 'name', 'lan-peer']);
  for (const name of ['lan', 'lan-peer']) run('ip', ['link', 'set', name, 'up']);
  run('ip', ['address', 'add', `${MACHINE}/24`, 'dev', 'lan']);
  for (const [index, backend] of backends.entries()) {
    backend.listen(8001 + index, MACHINE);
    await once(backend, 'listening');
  }
  root = await mkdtemp(join(tmpdir(), 'sluice-gateways-'));
  await mkdir(join(root, 'manifests'));
  await write(...service('one', 8001), ...service('two', 8002), gateway('a', 80), route('a', 'one'));
  const flags = ['--manifests', join(root, 'manifests'), '--state-dir', join(root, 'state'), '--node-name', 'node-a'];
  const started = spawn(SLUICE, ['run', ...flags, '--pool', '10.77.0.200-10.77.0.209', '--no-access-log'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [started.stdout, started.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child = started;
});

afterAll(async () => {
  if (child?.exitCode === null) {
    child.kill('SIGTERM');
    await once(child, 'close');
  }
  for (const backend of backends) backend.close();
  run('ip', ['link', 'delete', 'lan']);
  await rm(root, { recursive: true });
});

test('each has an address for itself, with any port, and clients keep theirs', async () => {
  await until('10.77.0.200', 80, from('one'));
  const all = [...service('one', 8001), ...service('two', 8002), gateway('a', 80), route('a', 'one')];
  await write(...all, gateway('b', 80), route('b', 'two'));
  await until('10.77.0.201', 80, from('two'));
  expect(await ask('10.77.0.200', 80)).toBe(from('one'));
  expect(await ask(MACHINE, 8080)).toBe('404');
  await write(...all, gateway('b', 9999, { addresses: [{ value: '10.77.0.205' }] }), route('b', 'two'));
  await until('10.77.0.205', 9999, from('two'));
  expect(await ask('10.77.0.200', 80)).toBe(from('one'));
});
