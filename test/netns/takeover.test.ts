/**
 * Sluice in place of a kube-proxy that is running. On demand, since it needs kube-proxy and an API server:
 * `SLUICE_LAB_DRIVER=kube-proxy`.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Agent } from './agent.ts';
import type { LabApiServer } from './api-server.ts';
import { chosenDriver } from './driver.ts';
import { Lab } from './lab.ts';
import { ServiceFixture } from './objects.ts';
import { SluiceDriver } from './sluice-driver.ts';
import { NODES, type NodeName } from './topology.ts';

describe.skipIf(chosenDriver() !== 'kube-proxy')('taking over from kube-proxy', () => {
  let lab: Lab;
  let started: SluiceDriver[];

  beforeEach(async () => {
    started = [];
    lab = await Lab.start('kube-proxy');
  });
  afterEach(async () => {
    for (const driver of started) await driver.stop();
    await lab.stop();
  });

  function apiServer(): LabApiServer {
    if (lab.driver.apiServer === undefined) throw new Error('there is no API server');
    return lab.driver.apiServer;
  }

  async function sluice(flags: readonly string[]): Promise<SluiceDriver> {
    const nodes = new Map<NodeName, Agent>(NODES.map((node) => [node, lab.agent(node)]));
    const driver = await SluiceDriver.create(lab.network, nodes, { apiServer: apiServer(), flags });
    started.push(driver);
    return driver;
  }

  test('is refused without being asked for, and loses no connection when it is', async () => {
    const web = new ServiceFixture(1, { type: 'NodePort', endpoints: ['a1', 'b1'] });
    await lab.apply(web);
    const targets = [...web.clusterTargets(), ...web.nodePortTargets('node-b')];
    await lab.expectFrom(['a2', 'node-c', 'ext'], targets, ['a1', 'b1']);
    await expect((await sluice([])).startNode('node-a')).rejects.toThrow(/kube-proxy/);

    const target = targets.find(({ protocol }) => protocol === 'TCP');
    if (target === undefined) throw new Error('no target');
    await lab.agent('ext').ask<'open'>({ kind: 'open', connection: 'old', target });
    await lab.withLoad(['a2', 'node-c', 'ext'], targets, 5000, async () => {
      const successor = await sluice(['--takeover']);
      for (const node of NODES) {
        await lab.driver.stopNode(node, 'SIGTERM');
        await successor.startNode(node);
      }
      await lab.settle();
      for (const node of NODES) {
        const tables = await lab.network.command(node, ['nft', 'list', 'tables']);
        expect(tables).not.toContain('kube-proxy');
        expect(tables).toContain('table ip sluice');
      }
    });
    await lab.expectFrom(['a2', 'node-c', 'ext'], targets, ['a1', 'b1']);
    const heard = await lab.agent('ext').ask<'say'>({ kind: 'say', connection: 'old', word: 'still there' });
    expect(heard).toBe('still there');
  });

  test('that goes on running loses no connection, and is told with what to do about it', async () => {
    const web = new ServiceFixture(1, { type: 'NodePort', endpoints: ['a1', 'b1'] });
    await lab.apply(web);
    const targets = [...web.clusterTargets(), ...web.nodePortTargets('node-b')];
    const successor = await sluice(['--takeover']);
    const toldOfNodes = (): Promise<string> => {
      const fields = '{range .items[*]}{.reason} {.involvedObject.name} {.message}{"\\n"}{end}';
      return apiServer().controlPlane.kubectl(['get', 'events', '--all-namespaces', `--output=jsonpath=${fields}`]);
    };
    await lab.withLoad(['a2', 'node-c', 'ext'], targets, 5000, async () => {
      for (const node of NODES) await successor.startNode(node);
      // kube-proxy programs everything again with the next change.
      const changes = [web.with({ endpoints: ['a1', 'b1', 'c1'] }), web];
      let turn = 0;
      await lab.until('a word about kube-proxy', async () => {
        await lab.apply(changes[turn % 2] ?? web);
        turn += 1;
        const told = await toldOfNodes();
        return NODES.every((node) => told.includes(`KubeProxyRunning ${node} kube-proxy is still running`));
      });
      for (const node of NODES) await lab.driver.stopNode(node, 'SIGTERM');
      await lab.apply(web.with({ endpoints: ['a1', 'c1'] }));
    });
    // Whatever kube-proxy has left behind, nobody is sent to an endpoint that is gone.
    await lab.expectFrom(['a2', 'node-c', 'ext'], targets, ['a1', 'c1']);
  });
});
