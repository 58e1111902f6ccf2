/** The node role of Sluice with a real API server, on the nodes of the lab. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Lab } from '../netns/lab.ts';
import { ServiceFixture } from '../netns/objects.ts';
import { FAMILIES } from '../netns/topology.ts';

describe('Service traffic from a real kube-apiserver', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.start('sluice', { apiServer: 'new' });
  });
  afterAll(() => lab.stop());

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
    await lab.expectFrom('a2', web.clusterTargets(), ['b1']);
    const fields = '{range .items[*]}{.reason} {.involvedObject.kind} {.involvedObject.name}{"\\n"}{end}';
    const told = async (): Promise<string> =>
      (await lab.driver.apiServer?.controlPlane.kubectl([
        'get',
        'events',
        '--all-namespaces',
        `--output=jsonpath=${fields}`,
      ])) ?? '';
    await vi.waitFor(async () => expect(await told()).toContain('KernelTablesRepaired Node node-a\n'), 20_000);
    // Nobody touched the others.
    expect(await told()).not.toContain('KernelTablesRepaired Node node-b');
  });
});
