/** Addresses that the leader gives and every node announces to a router by BGP, with a real API server between them. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signalProcess } from '../../src/lib/signal-process.ts';
import { BirdRouter } from '../netns/bgp/router.ts';
import { Lab } from '../netns/lab.ts';
import { ServiceFixture } from '../netns/objects.ts';
import { SluiceDriver } from '../netns/sluice-driver.ts';
import { addressOf, GATEWAY, NODES, type NodeName } from '../netns/topology.ts';
import { Component } from './component.ts';
import { freePort } from './free-port.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DEPLOY = ['sluice', 'load-balancer', 'node', 'bgp'].map((name) => join(ROOT, 'deploy', `${name}.yaml`));
const VIP = '203.0.113.10';
const PASSWORD = 'open sesame';
const OBJECTS = `apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: public, namespace: sluice-system }
spec: { addresses: [${VIP}-203.0.113.19] }
---
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: { name: rack, namespace: sluice-system }
spec:
  myASN: 64512
  peerASN: 64513
  peerAddress: ${GATEWAY.IPv4}
  bfdProfile: quick
  passwordSecret: { name: bgp-password }
---
apiVersion: metallb.io/v1beta1
kind: BFDProfile
metadata: { name: quick, namespace: sluice-system }
spec: { receiveInterval: 100, transmitInterval: 100 }
---
apiVersion: metallb.io/v1beta1
kind: Community
metadata: { name: names, namespace: sluice-system }
spec: { communities: [{ name: rack-only, value: '64512:7' }] }
---
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata: { name: all, namespace: sluice-system }
spec: { communities: [rack-only] }
`;
const SECRET = `apiVersion: v1
kind: Secret
metadata: { name: bgp-password, namespace: sluice-system }
type: kubernetes.io/basic-auth
stringData: { password: "${PASSWORD}" }
`;

describe('addresses by BGP in a cluster', () => {
  let lab: Lab;
  let leader: Component;
  let folder: string;
  let router: BirdRouter;
  const web = new ServiceFixture(1, {
    type: 'LoadBalancer',
    families: ['IPv4'],
    endpoints: ['a1', 'b1'],
    hasLoadBalancer: false,
  });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-leader-'));
    const flags = ['--bgp', '--lease-namespace=sluice-system'];
    lab = await Lab.start('sluice', { apiServer: 'new', manifests: DEPLOY, serviceAccount: 'sluice-node', flags });
    await lab.network.command('ext', ['ip', 'route', 'replace', '203.0.113.0/24', 'via', GATEWAY.IPv4]);
    await lab.network.command('lan', ['sysctl', '-qw', 'net.ipv4.conf.all.send_redirects=0']);
    router = await BirdRouter.start(
      lab.network.file('lan'),
      '10.90.0.1',
      NODES.map((node) => ({
        name: node.replace('-', '_'),
        channels: ['ipv4'],
        lines: [
          'local as 64513;',
          `neighbor ${addressOf(node, 'IPv4')} as 64512;`,
          `password "${PASSWORD}";`,
          'bfd on;',
        ],
      })),
    );
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
    await applyText(OBJECTS);
    await lab.apply(web);
  });

  afterAll(async () => {
    await leader.kill('SIGKILL');
    // BIRD goes on when Sluice ends, as it should, and has to be ended with its network.
    for (const node of NODES) {
      await lab.driver.stopNode(node, 'SIGKILL');
      signalProcess(await birdPid(node), 'SIGKILL');
    }
    await router.stop();
    await lab.stop();
    await rm(folder, { recursive: true });
  });

  async function kubectl(...args: readonly string[]): Promise<string> {
    return (await lab.driver.apiServer?.controlPlane.kubectl(args)) ?? '';
  }

  async function applyText(text: string): Promise<void> {
    await lab.driver.apiServer?.controlPlane.kubectl(['apply', '-f', '-'], { input: text });
  }

  async function birdPid(node: NodeName): Promise<number> {
    if (!(lab.driver instanceof SluiceDriver)) throw new Error('the lab runs Sluice');
    return Number(await readFile(join(lab.driver.stateDirectory(node), 'bgp', 'bird.pid'), 'utf8'));
  }

  async function untilLearned(nodes: readonly NodeName[]): Promise<void> {
    const wanted = nodes.map((node) => addressOf(node, 'IPv4')).join();
    await lab.until(`routes by ${wanted}`, async () => {
      const route = (await router.routes()).get(`${VIP}/32`);
      return (route?.via ?? []).join() === wanted;
    });
  }

  /** What ServiceBGPStatus objects say, a line each. */
  async function statuses(): Promise<readonly string[]> {
    const fields =
      '{range .items[*]}{.status.node} {.status.serviceName} {.status.peers[*]} {.metadata.labels.metallb\\.io/node}{"\\n"}{end}';
    const text = await kubectl('get', 'servicebgpstatuses', '-n', 'sluice-system', '-o', `jsonpath=${fields}`);
    return text.trim().split('\n').sort();
  }

  /** How often each Event of a reason has come, by what it says. */
  async function events(reason: string): Promise<readonly string[]> {
    const fields = `{range .items[?(@.reason=="${reason}")]}{.message} x{.count}{"\\n"}{end}`;
    return (await kubectl('get', 'events', '-A', '-o', `jsonpath=${fields}`)).trim().split('\n').sort();
  }

  async function timesUp(): Promise<number> {
    const times = await Promise.all(NODES.map((node) => router.timesUp(node.replace('-', '_'))));
    return times.reduce((sum, count) => sum + count, 0);
  }

  it('wait for the password of the session, and say so', async () => {
    await lab.until('the Finding', async () =>
      (await lab.http('node-a', 'http://127.0.0.1:9901/api/v1/findings')).body.includes(
        'there is no Secret sluice-system/bgp-password',
      ),
    );
    expect((await router.routes()).has(`${VIP}/32`)).toBe(false);
  });

  it('are announced by every node with all that the objects say, which each says once', async () => {
    await applyText(SECRET);
    await untilLearned(NODES);
    expect((await router.routes()).get(`${VIP}/32`)?.communities).toEqual(['64512:7']);
    await lab.expectFrom('ext', [{ protocol: 'TCP', address: VIP, port: 80 }], ['a1', 'b1']);
    await lab.until('BFD', async () =>
      (await lab.http('node-a', 'http://127.0.0.1:9901/api/v1/peers')).body.includes('"bfd":"up"'),
    );
    const said = NODES.map((node) => `${node} ${web.name} rack ${node}`);
    await lab.until('the statuses', async () => (await statuses()).join() === said.join());
    const assigned = NODES.map((node) => `announcing from node "${node}" with protocol "bgp" x1`);
    await lab.until('the Events', async () => (await events('nodeAssigned')).join() === assigned.join());
    const up = NODES.map((node) => `node ${node} has a session with ${GATEWAY.IPv4} x1`);
    await lab.until('the Events of sessions', async () => (await events('SessionUp')).join() === up.join());
  });

  it('stay where they are while Sluice starts again, without a word', async () => {
    const before = [await statuses(), await events('nodeAssigned'), await events('SessionUp'), await timesUp()];
    await lab.driver.stopNode('node-a', 'SIGKILL');
    await lab.driver.startNode('node-a');
    await lab.apply(new ServiceFixture(2, { endpoints: ['b1'] }));
    expect([await statuses(), await events('nodeAssigned'), await events('SessionUp'), await timesUp()]).toEqual(
      before,
    );
  });

  it('stay while the Secret may not be read any more, also for a Sluice that starts meanwhile', async () => {
    const ups = await timesUp();
    const rule = '[{"op":"replace","path":"/rules/0/resourceNames","value":["another"]}]';
    await kubectl('patch', 'role', 'sluice-bgp', '-n', 'sluice-system', '--type=json', '-p', rule);
    await lab.driver.stopNode('node-a', 'SIGKILL');
    await lab.driver.startNode('node-a');
    await lab.until('the Finding', async () =>
      (await lab.http('node-a', 'http://127.0.0.1:9901/api/v1/findings')).body.includes('keeps its password'),
    );
    await untilLearned(NODES);
    expect(await timesUp()).toBe(ups);
    await kubectl('apply', '-f', join(ROOT, 'deploy', 'bgp.yaml'));
  });

  it('stay while there is no API server, and go from a node that is excluded', async () => {
    const controlPlane = lab.driver.apiServer?.controlPlane;
    await controlPlane?.killApiServer();
    await untilLearned(NODES);
    await lab.expectFrom('ext', [{ protocol: 'TCP', address: VIP, port: 80 }], ['a1', 'b1']);
    await controlPlane?.startApiServer();
    await kubectl('label', 'node', 'node-b', 'node.kubernetes.io/exclude-from-external-load-balancers=');
    await untilLearned(['node-a', 'node-c']);
    await lab.until('the status', async () => !(await statuses()).some((line) => line.startsWith('node-b ')));
  });
});
