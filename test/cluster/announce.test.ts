/** Addresses that the leader gives and the nodes answer for, with a real API server between them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signalProcess } from '../../src/lib/signal-process.ts';
import { keepalivedPids } from '../netns/announce/keepalived-pids.ts';
import { Lab } from '../netns/lab.ts';
import { ServiceFixture } from '../netns/objects.ts';
import { NODES, type NodeName } from '../netns/topology.ts';
import { Component } from './component.ts';
import { freePort } from './free-port.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DEPLOY = ['sluice', 'load-balancer', 'node', 'announce'].map((name) => join(ROOT, 'deploy', `${name}.yaml`));
const VIP = '10.90.0.200';
const POOL = `apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: lab, namespace: sluice-system }
spec: { addresses: [${VIP}-10.90.0.209] }
`;
const EXCLUDED = 'node.kubernetes.io/exclude-from-external-load-balancers';

describe('addresses in a cluster', () => {
  let lab: Lab;
  let leader: Component;
  let folder: string;
  const web = new ServiceFixture(1, {
    type: 'LoadBalancer',
    families: ['IPv4'],
    endpoints: ['a1', 'b1'],
    hasLoadBalancer: false,
  });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-leader-'));
    const flags = ['--announce', '--lease-namespace=sluice-system'];
    lab = await Lab.start('sluice', { apiServer: 'new', manifests: DEPLOY, flags });
    const port = await freePort();
    leader = new Component({
      name: 'the leader',
      command: join(ROOT, 'bin', 'sluice'),
      args: [
        'run',
        '--role=controller',
        '--load-balancer',
        '--lease-namespace=sluice-system',
        `--kubeconfig=${lab.driver.apiServer?.kubeconfig ?? ''}`,
        `--state-dir=${join(folder, 'state')}`,
        `--api-address=127.0.0.1:${String(port)}`,
      ],
      logFile: join(folder, 'log'),
      isReady: async () =>
        (await kubectl('get', 'leases', '-n', 'sluice-system', '-o', 'jsonpath={.items[*].metadata.name}')).includes(
          'sluice-leader',
        ),
    });
    await leader.start();
    // It would have an address of the pool as well.
    await kubectl('delete', 'service', '-n', 'sluice-system', '--all');
    await lab.driver.apiServer?.controlPlane.kubectl(['apply', '-f', '-'], { input: POOL });
    await lab.apply(web);
  });

  afterAll(async () => {
    await leader.kill('SIGKILL');
    // It goes on when Sluice ends, as it should, and has to be ended with its network.
    for (const node of NODES) await lab.driver.stopNode(node, 'SIGKILL');
    for (const pid of await keepalivedPids(lab.network)) signalProcess(pid, 'SIGTERM');
    await lab.until('the end of keepalived', async () => (await keepalivedPids(lab.network)).length === 0);
    await lab.stop();
    await rm(folder, { recursive: true });
  });

  async function kubectl(...args: readonly string[]): Promise<string> {
    return (await lab.driver.apiServer?.controlPlane.kubectl(args)) ?? '';
  }

  async function owners(): Promise<readonly NodeName[]> {
    const shown = await Promise.all(
      NODES.map(async (node) =>
        (await lab.network.command(node, ['ip', '-o', 'address'])).includes(` ${VIP}/`) ? [node] : [],
      ),
    );
    return shown.flat();
  }

  async function untilOwned(isRight: (owner: NodeName) => boolean): Promise<NodeName> {
    let owner: NodeName | undefined;
    await lab.until('the one owner', async () => {
      const found = await owners();
      [owner] = found;
      return found.length === 1 && owner !== undefined && isRight(owner);
    });
    if (owner === undefined) throw new Error('the owner has gone');
    return owner;
  }

  /** What ServiceL2Status objects say, a line each. */
  function statuses(): Promise<string> {
    const fields =
      '{range .items[*]}{.status.node} {.status.serviceName} {.status.interfaces[*].name} {.metadata.annotations.sluice\\.dev/why}{"\\n"}{end}';
    return kubectl('get', 'servicel2statuses', '-n', 'sluice-system', '-o', `jsonpath=${fields}`);
  }

  /** How often each node was assigned, by the Events of the Service. */
  async function assigned(): Promise<readonly string[]> {
    const fields = '{range .items[?(@.reason=="nodeAssigned")]}{.message} x{.count}{"\\n"}{end}';
    const text = await kubectl('get', 'events', '-A', '-o', `jsonpath=${fields}`);
    return text.trim().split('\n');
  }

  it('are answered for by one node, which says so once', async () => {
    const owner = await untilOwned(() => true);
    await lab.expectFrom('ext', [{ protocol: 'TCP', address: VIP, port: 80 }], ['a1', 'b1']);
    const said = `${owner} ${web.name} eth0 it came first\n`;
    await lab.until('the status', async () => (await statuses()) === said);
    await lab.until(
      'the Event',
      async () => (await assigned()).join() === `announcing from node "${owner}" with protocol "layer2" x1`,
    );
  });

  it('go from a node that is excluded to another one, and stay there', async () => {
    const before = await untilOwned(() => true);
    await kubectl('label', 'node', before, `${EXCLUDED}=`);
    const after = await untilOwned((owner) => owner !== before);
    const said = `${after} ${web.name} eth0 ${before} has the label ${EXCLUDED}\n`;
    await lab.until('the status', async () => (await statuses()) === said);
    await kubectl('label', 'node', before, `${EXCLUDED}-`);
    await lab.until('both Events', async () => (await assigned()).length === 2);
    expect(await owners()).toEqual([after]);
  });

  it('stay where they are while Sluice starts again, without a word', async () => {
    const owner = await untilOwned(() => true);
    const before = [await statuses(), await assigned()];
    await lab.driver.stopNode(owner, 'SIGKILL');
    expect(await owners()).toEqual([owner]);
    await lab.driver.startNode(owner);
    const marker = new ServiceFixture(2, { endpoints: ['b1'] });
    await lab.apply(marker);
    expect(await owners()).toEqual([owner]);
    expect([await statuses(), await assigned()]).toEqual(before);
  });

  it('go to another node when theirs is cut off, also without an API server', async () => {
    const before = await untilOwned(() => true);
    const controlPlane = lab.driver.apiServer?.controlPlane;
    await controlPlane?.killApiServer();
    await lab.network.command('lan', ['ip', 'link', 'set', before, 'down']);
    try {
      await lab.until('another owner', async () => (await owners()).some((owner) => owner !== before));
    } finally {
      await lab.network.command('lan', ['ip', 'link', 'set', before, 'up']);
      await controlPlane?.startApiServer();
    }
    const after = await untilOwned(() => true);
    await lab.until('the status', async () => (await statuses()).startsWith(`${after} `));
  });
});
