/** The node role of Sluice with a real API server, on the nodes of the lab. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { signalProcess } from '../../src/lib/signal-process.ts';
import { Lab } from '../netns/lab.ts';
import { ServiceFixture } from '../netns/objects.ts';
import { FAMILIES } from '../netns/topology.ts';

describe('Service traffic from a real kube-apiserver', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.start('sluice', { apiServer: 'new' });
  });
  afterAll(() => lab.stop());

  /** The Events of all namespaces, a line each: reason, kind, name, message. */
  async function told(): Promise<string> {
    const fields = '{range .items[*]}{.reason} {.involvedObject.kind} {.involvedObject.name} {.message}{"\\n"}{end}';
    const query = ['get', 'events', '--all-namespaces', `--output=jsonpath=${fields}`];
    return (await lab.driver.apiServer?.controlPlane.kubectl(query)) ?? '';
  }

  it('serves ClusterIP, NodePort, LoadBalancer and external IPs', async () => {
    const web = new ServiceFixture(1, { type: 'LoadBalancer', endpoints: ['a1', 'b1'] });
    const externalIPs = FAMILIES.map((family) => web.externalIp(family));
    await lab.apply(web.with({ fields: { externalIPs } }));
    const targets = [
      ...web.clusterTargets(),
      ...web.nodePortTargets('node-b'),
      ...web.loadBalancerTargets(),
      ...web.externalTargets(),
    ];
    await lab.expectFrom(['a2', 'b2', 'node-c', 'ext'], targets, ['a1', 'b1']);
  });

  it('9 works after a restart of the API server, which takes no connect', async () => {
    const web = new ServiceFixture(2, { type: 'NodePort', endpoints: ['a1'] });
    await lab.apply(web);
    const targets = [...web.clusterTargets(), ...web.nodePortTargets('node-b')];
    const controlPlane = lab.driver.apiServer?.controlPlane;
    expect(controlPlane).toBeDefined();
    await lab.withLoad(['a2', 'node-c', 'ext'], targets, 3000, async () => {
      await controlPlane?.killApiServer();
      await lab.expectFrom(['a2', 'node-c', 'ext'], targets, ['a1']);
      await controlPlane?.startApiServer();
    });
    const more = new ServiceFixture(3, { endpoints: ['b1'] });
    await lab.apply(web.with({ endpoints: ['c1'] }), more);
    await lab.expectFrom(['a2', 'node-c', 'ext'], targets, ['c1']);
    await lab.expectFrom(['a2', 'node-c', 'ext'], more.clusterTargets(), ['b1']);
  });

  it('67 tells the Node by an Event when another program flushed the ruleset, which is mended', async () => {
    const web = new ServiceFixture(4, { endpoints: ['b1'] });
    await lab.apply(web);
    await lab.network.command('node-a', ['nft', 'flush', 'ruleset']);
    // A connection that begins before the rules are back stays as it began.
    await vi.waitFor(async () => expect(await told()).toContain('KernelTablesRepaired Node node-a '), 20_000);
    await lab.expectFrom('a2', web.clusterTargets(), ['b1']);
    // Nobody touched the others.
    expect(await told()).not.toContain('KernelTablesRepaired Node node-b');
  });

  it('tells a Service by an Event on which node the kernel refused it, and serves it on the others', async () => {
    const web = new ServiceFixture(6, { endpoints: ['b1'], families: ['IPv4'] });
    const element = `{ ${web.clusterIp('IPv4')} . tcp . 80 : drop }`;
    // Under the name of our own nft: what another program adds is noticed, and mended.
    const asOurs = `dir=$(mktemp -d) && ln -s "$(command -v nft)" "$dir/sluice-nft" && "$dir/sluice-nft" add element ip sluice services '${element}'; rm -r "$dir"`;
    await lab.network.command('node-a', ['sh', '-c', asOurs]);
    await lab.apply(web);
    await lab.expectFrom('b2', web.clusterTargets(), ['b1']);
    await vi.waitFor(
      async () => expect(await told()).toMatch(/KernelRefused Service \S+ node node-a cannot program/),
      20_000,
    );
    expect(await told()).not.toMatch(/KernelRefused Service \S+ node node-b/);
  });

  it('tells a Service by an Event on which node another program has its health check node port', async () => {
    const port = 32_099;
    const listen = `require('node:net').createServer().listen(${String(port)}, () => console.log('here'))`;
    const start = `const child = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(listen)}],
      { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
      child.stdout.once('data', () => { console.log(child.pid); process.exit(); });`;
    const other = Number(await lab.network.command('node-a', [process.execPath, '-e', start]));
    try {
      const fields = { externalTrafficPolicy: 'Local', healthCheckNodePort: port };
      const web = new ServiceFixture(5, { type: 'LoadBalancer', endpoints: ['b1'], fields });
      await lab.apply(web);
      await vi.waitFor(
        async () =>
          expect(await told()).toMatch(/FailedToStartServiceHealthcheck Service \S+ node node-a cannot listen/),
        20_000,
      );
      expect(await told()).not.toMatch(/FailedToStartServiceHealthcheck Service \S+ node node-b/);
    } finally {
      signalProcess(other, 'SIGTERM');
    }
  });
});
