import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ApiProxy } from '../cluster/api-proxy.ts';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { kubeconfigOf } from '../cluster/shop.ts';
import { run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

const SLUICE = fileURLToPath(new URL('../../bin/sluice', import.meta.url));
const DEPLOY = fileURLToPath(new URL('../../deploy/node.yaml', import.meta.url));
const API = '127.0.0.1:9901';

const NODE = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-a' } };

/** A refused start once took the world for empty after ten seconds. In milliseconds. */
const LONG_MS = 13_000;

const patience = { timeout: 60_000, interval: 100 };

function service(name: string, clusterIp: string): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: default }
spec: { clusterIP: ${clusterIp}, ports: [{ name: http, port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: default, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints: [{ addresses: [10.244.1.7] }]
---
`;
}

describe('a node whose API server refuses it', { timeout: 180_000 }, () => {
  let cluster: ControlPlane;
  let proxy: ApiProxy;
  let folder: string;
  let child: ChildProcess | undefined;

  beforeAll(async () => {
    cluster = await startControlPlane({});
    await cluster.kubectl(['create', 'namespace', 'sluice-system']);
    await apply(await readFile(DEPLOY, 'utf8'));
    await apply(JSON.stringify(NODE), service('web', '10.96.0.10'), service('shop', '10.96.0.11'));
    folder = await mkdtemp(join(tmpdir(), 'sluice-refused-node-'));
    proxy = await ApiProxy.start(cluster.url, await readFile(cluster.authorityFile, 'utf8'));
    const token = join(folder, 'token');
    await writeFile(token, await cluster.serviceAccountToken('sluice-system', 'sluice-node', 3600));
    await writeFile(join(folder, 'kubeconfig'), kubeconfigOf(proxy, token));
  }, 120_000);

  afterAll(async () => {
    await stop();
    await proxy.stop();
    await cluster.stop();
    await rm(folder, { recursive: true });
  });

  async function apply(...documents: readonly string[]): Promise<void> {
    await cluster.kubectl(['apply', '-f', '-'], { input: documents.join('\n---\n') });
  }

  function start(): void {
    const state = ['--state-dir', join(folder, 'state'), '--api-address', API];
    const flags = ['--role', 'node', '--node-name', 'node-a', '--kubeconfig', join(folder, 'kubeconfig')];
    child = spawn(SLUICE, ['run', ...flags, ...state], { stdio: 'ignore' });
  }

  async function stop(): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'close');
  }

  async function readiness(): Promise<string> {
    const response = await fetch(`http://${API}/readyz`).catch(() => undefined);
    return response === undefined ? '' : `${String(response.status)} ${await response.text()}`;
  }

  function untilReady(): Promise<void> {
    return vi.waitFor(async () => expect(await readiness()).toMatch(/^200/), patience);
  }

  /** Which of the ClusterIPs the kernel knows. */
  function programmed(): readonly string[] {
    const rules = run('nft', ['list', 'ruleset']);
    return ['10.96.0.10', '10.96.0.11', '10.96.0.12'].filter((address) => rules.includes(`${address} . tcp . 80`));
  }

  it('programs what there is', async () => {
    start();
    await untilReady();
    expect(programmed()).toEqual(['10.96.0.10', '10.96.0.11']);
  });

  it.each([
    {
      what: 'its grant is taken away',
      begin: () => cluster.kubectl(['delete', 'clusterrolebinding', 'sluice-node']),
      reason: /services cannot be read: .*403.*deploy\/ has the rules/,
      end: async () => apply(await readFile(DEPLOY, 'utf8')),
      added: '10.96.0.12',
    },
    {
      what: 'every path is answered with 404',
      begin: () => Promise.resolve((proxy.trouble = { status: 404 })),
      reason: /cannot be read: .*404.*Every cluster has it/,
      end: () => Promise.resolve((proxy.trouble = undefined)),
      added: undefined,
    },
  ])('leaves the kernel as it is when it starts while $what, and goes on when that is over', async (given) => {
    await stop();
    const before = programmed();
    await given.begin();
    start();
    await sleep(LONG_MS);
    expect(await readiness()).toMatch(/^503/);
    expect(await readiness()).toMatch(given.reason);
    expect(programmed()).toEqual(before);
    if (given.added !== undefined) await apply(service('later', given.added));
    await given.end();
    await untilReady();
    expect(programmed()).toEqual(['10.96.0.10', '10.96.0.11', '10.96.0.12']);
  });

  it('keeps what it has programmed when its grant is taken away later, and follows again when it has it back', async () => {
    await cluster.kubectl(['delete', 'clusterrolebinding', 'sluice-node']);
    proxy.cut();
    const synced = async (): Promise<string> =>
      (await (await fetch(`http://${API}/metrics`)).text()).match(
        /sluice_source_synced\{source="cluster"\} (\d)/,
      )?.[1] ?? '';
    await vi.waitFor(async () => expect(await synced()).toBe('0'), patience);
    expect(programmed()).toEqual(['10.96.0.10', '10.96.0.11', '10.96.0.12']);
    expect(await readiness()).toMatch(/^200/);
    await apply(await readFile(DEPLOY, 'utf8'));
    await vi.waitFor(async () => expect(await synced()).toBe('1'), patience);
    await cluster.kubectl(['delete', 'service', 'later']);
    await vi.waitFor(() => expect(programmed()).toEqual(['10.96.0.10', '10.96.0.11']), patience);
  });
});
