/** Behaviours 8 and 67: the program goes, the rules stay; other programs take the rules away, and they come back. */
import { expect, test } from 'vitest';
import { chosenDriver } from '../driver.ts';
import { FAMILIES, NODES } from '../topology.ts';
import { useLab } from './use-lab.ts';

const file = useLab();

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`8 works throughout a restart after ${signal}`, async () => {
    const { lab } = file;
    const web = await file.served({ type: 'NodePort', endpoints: ['a1', 'b1'] });
    const targets = [...web.clusterTargets(), ...web.nodePortTargets('node-b')];
    await lab.withLoad(['a2', 'node-c', 'ext'], targets, 3000, async () => {
      for (const node of NODES) await lab.driver.stopNode(node, signal);
      await lab.expectFrom(['a2', 'b2', 'node-a', 'node-c', 'ext'], targets, ['a1', 'b1']);
      await Promise.all(NODES.map((node) => lab.driver.startNode(node)));
      await lab.settle();
      await lab.expectFrom(['a2', 'b2', 'node-a', 'node-c', 'ext'], targets, ['a1', 'b1']);
    });
    await lab.apply(web.with({ endpoints: ['c1'] }));
    await lab.expectFrom(['a2', 'b2', 'node-a', 'node-c', 'ext'], targets, ['c1']);
  });
}

test('8 (beyond) what changed while the program was down holds after its start', async () => {
  const { lab } = file;
  const [web, gone] = [file.service({ endpoints: ['a1'] }), file.service({ endpoints: ['a1'] })];
  await lab.apply(web, gone);
  for (const node of NODES) await lab.driver.stopNode(node, 'SIGKILL');
  await lab.applyUnsettled([web.with({ endpoints: ['b1'] })], [gone]);
  await Promise.all(NODES.map((node) => lab.driver.startNode(node)));
  await lab.settle();
  await lab.expectFrom(['a2', 'node-c'], web.clusterTargets(), ['b1']);
  await lab.expectFrom(['a2', 'node-c'], gone.clusterTargets(), 'silent');
});

test.skipIf(chosenDriver() === 'kube-proxy')('67 heals after another program flushed the ruleset', async () => {
  const { lab } = file;
  const web = await file.served({ type: 'NodePort', endpoints: ['a1', 'b1'] });
  const targets = [...web.clusterTargets(), ...web.nodePortTargets('node-a')];
  for (const command of [
    ['flush', 'ruleset'],
    ['delete', 'table', 'ip', 'sluice'],
    ['flush', 'table', 'ip6', 'sluice'],
  ]) {
    await lab.network.command('node-a', ['nft', ...command]);
    await lab.until('the rules to be back', async () => {
      const answers = await Promise.all(targets.map((target) => lab.ask('a2', target, { patienceMs: 300 })));
      return answers.flat().every(({ kind }) => kind === 'answered');
    });
    await lab.expectFrom(['a2', 'node-a', 'ext'], targets, ['a1', 'b1']);
  }
  await lab.apply(web.with({ endpoints: ['c1'] }));
  await lab.expectFrom(['a2', 'node-a', 'ext'], targets, ['c1']);
});

test('67 leaves the tables of others alone', async () => {
  const { lab } = file;
  await lab.network.command('node-a', [
    'nft',
    'add table inet firewall; add chain inet firewall input { comment "mine"; }',
  ]);
  const before = await lab.network.command('node-a', ['nft', 'list', 'table', 'inet', 'firewall']);
  const web = await file.served({ endpoints: ['a1'] });
  await lab.driver.stopNode('node-a', 'SIGTERM');
  await lab.driver.startNode('node-a');
  await lab.settle();
  await lab.expectFrom('a2', web.clusterTargets(), ['a1']);
  expect(await lab.network.command('node-a', ['nft', 'list', 'table', 'inet', 'firewall'])).toBe(before);
  await lab.network.command('node-a', ['nft', 'delete', 'table', 'inet', 'firewall']);
});

test.skipIf(chosenDriver() === 'kube-proxy')(
  '67 one external IP in two Services: the older has it, nobody else is harmed',
  async () => {
    const { lab } = file;
    const [one, two, other] = [
      file.service({ endpoints: ['a1'] }),
      file.service({ endpoints: ['b1'] }),
      file.service({ endpoints: ['c1'] }),
    ];
    const fields = { externalIPs: FAMILIES.map((family) => one.externalIp(family)) };
    await lab.apply(one.with({ fields }), two.with({ fields }), other);
    await lab.expectFrom(['a2', 'ext'], one.clusterTargets(), ['a1']);
    await lab.expectFrom(['a2', 'ext'], two.clusterTargets(), ['b1']);
    await lab.expectFrom(['a2', 'ext'], other.clusterTargets(), ['c1']);
    await lab.expectFrom(['a2', 'ext'], one.externalTargets(), ['a1']);
    await lab.remove(one);
    await lab.expectFrom(['a2', 'ext'], one.externalTargets(), ['b1']);
  },
);
