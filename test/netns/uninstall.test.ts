import { join } from 'node:path';
import { expect, test } from 'vitest';
import { useLab } from './behaviours/use-lab.ts';
import { chosenDriver } from './driver.ts';
import { SluiceDriver } from './sluice-driver.ts';

const SLUICE = join(import.meta.dirname, '..', '..', 'bin', 'sluice');

const file = useLab();

test.skipIf(chosenDriver() === 'kube-proxy')(
  'sluice uninstall takes away what Sluice made, and nothing else',
  async () => {
    const { lab } = file;
    const web = await file.served({ type: 'NodePort', endpoints: ['a1'], fields: { sessionAffinity: 'ClientIP' } });
    await lab.expectFrom(['a2', 'ext'], [...web.clusterTargets(), ...web.nodePortTargets('node-a')], ['a1']);
    await lab.network.command('node-a', ['nft', 'add', 'table', 'inet', 'firewall']);
    await lab.driver.stopNode('node-a', 'SIGTERM');
    if (!(lab.driver instanceof SluiceDriver)) throw new Error('this is about Sluice');
    const stateDirectory = lab.driver.stateDirectory('node-a');
    const said = await lab.network.command('node-a', [SLUICE, 'uninstall', `--state-dir=${stateDirectory}`]);
    expect(said).toContain('table ip sluice');
    expect(await lab.network.command('node-a', ['nft', 'list', 'tables'])).toBe('table inet firewall\n');
    await lab.expectFrom('a2', web.clusterTargets(), 'silent');
    await lab.expectFrom('ext', web.nodePortTargets('node-a'), 'refused');
    // The other nodes have not heard of it.
    await lab.expectFrom('b2', web.clusterTargets(), ['a1']);
    await lab.network.command('node-a', ['nft', 'delete', 'table', 'inet', 'firewall']);
    await lab.driver.startNode('node-a');
    await lab.settle();
    await lab.expectFrom('a2', web.clusterTargets(), ['a1']);
  },
);
