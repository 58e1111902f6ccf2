/**
 * How pods of a node are told from everybody else (`--detect-local-mode`), which decides who is masqueraded and for whom
 * `externalTrafficPolicy: Local` makes no difference. The other tests have ClusterCIDR.
 */
import { describe, expect, test } from 'vitest';
import { chosenDriver } from '../driver.ts';
import type { LabOptions } from '../lab.ts';
import {
  addressOf,
  FAMILIES,
  masqueradesOf,
  POD_BRIDGE,
  POD_INTERFACE_PREFIX,
  podGateway,
  type Place,
} from '../topology.ts';
import { useLab } from './use-lab.ts';

function ownAddresses(place: Place): readonly string[] {
  return FAMILIES.map((family) => addressOf(place, family)).sort();
}

const modes: Readonly<Record<string, LabOptions>> = {
  ClusterCIDR: { detection: { mode: 'ClusterCIDR' } },
  NodeCIDR: { detection: { mode: 'NodeCIDR' } },
  BridgeInterface: { detection: { mode: 'BridgeInterface', interface: POD_BRIDGE }, pods: 'bridge' },
  InterfaceNamePrefix: { detection: { mode: 'InterfaceNamePrefix', prefix: POD_INTERFACE_PREFIX } },
};

describe.each(Object.entries(modes))('%s', (mode, options) => {
  const file = useLab(options);
  // It takes all pods of the range for local.
  const isKubeProxyMisled = mode === 'ClusterCIDR' && chosenDriver() === 'kube-proxy';

  test.skipIf(isKubeProxyMisled)('40 a pod of another node loses no connect to where it has no business', async () => {
    const { lab } = file;
    const fields = { externalTrafficPolicy: 'Local' };
    const web = await file.served({ type: 'NodePort', endpoints: ['a1', 'b1', 'c1'], fields });
    await lab.expectFrom(['b2', 'c1', 'ext'], web.nodePortTargets('node-a'), ['a1'], { count: 18 });
    await lab.expectFrom('a2', web.nodePortTargets('node-a'), ['a1', 'b1', 'c1']);
  });

  test.skipIf(isKubeProxyMisled)('40 a pod of another node is not local, a pod of this one is', async () => {
    const { lab } = file;
    const fields = { externalTrafficPolicy: 'Local' };
    const web = await file.served({ type: 'NodePort', endpoints: ['a1'], fields });
    await lab.expectFrom(['b2', 'node-b'], web.nodePortTargets('node-b'), ['a1']);
    await lab.expectFrom(['a2', 'c1', 'node-a', 'ext'], web.nodePortTargets('node-b'), 'silent');
    await lab.expectFrom(['a2', 'b2', 'node-b', 'ext'], web.nodePortTargets('node-a'), ['a1']);
  });

  test('4 a pod keeps its address at a ClusterIP, wherever the endpoint is', async () => {
    const { lab } = file;
    const web = await file.served({ endpoints: ['a1', 'b1'] });
    for (const pod of ['a2', 'c1'] as const)
      expect(await lab.clientsSeen(pod, web.clusterTargets())).toEqual(ownAddresses(pod));
  });

  test('4 a client from outside is masqueraded at a ClusterIP', async () => {
    const { lab } = file;
    const web = await file.served({ endpoints: ['a1', 'b1'] });
    expect(masqueradesOf('node-a')).toEqual(
      expect.arrayContaining([...(await lab.clientsSeen('ext', web.clusterTargets()))]),
    );
  });

  test('the node itself has at a ClusterIP the address that it has towards the endpoint', async () => {
    const { lab } = file;
    const near = await file.served({ endpoints: ['a1'] });
    const towardsPods = FAMILIES.map((family) => podGateway('node-a', family)).sort();
    expect(await lab.clientsSeen('node-a', near.clusterTargets())).toEqual(towardsPods);
    const far = await file.served({ endpoints: ['b1'] });
    expect(await lab.clientsSeen('node-a', far.clusterTargets())).toEqual(ownAddresses('node-a'));
  });

  test('5 a pod reaches itself', async () => {
    const { lab } = file;
    const web = await file.served({ endpoints: ['a1'] });
    await lab.expectFrom('a1', web.clusterTargets(), ['a1']);
  });
});

describe.skipIf(chosenDriver() === 'kube-proxy')('--masquerade-all', () => {
  const file = useLab({ flags: ['--masquerade-all'] });

  test('4 a pod is masqueraded at a ClusterIP too, and not where the policy keeps its address', async () => {
    const { lab } = file;
    const web = await file.served({ type: 'NodePort', endpoints: ['a1'] });
    expect(masqueradesOf('node-b')).toEqual(
      expect.arrayContaining([...(await lab.clientsSeen('b2', web.clusterTargets()))]),
    );
    await lab.apply(web.with({ fields: { externalTrafficPolicy: 'Local' } }));
    expect(await lab.clientsSeen('ext', web.nodePortTargets('node-a'))).toEqual(ownAddresses('ext'));
  });
});
