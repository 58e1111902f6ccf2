import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { L4Plan } from '../../src/compile/l4/l4-plan.ts';
import type { PlaneSuite } from '../contract/plane.ts';
import { kernelPlanOf } from '../golden/kernel-plan.ts';

function manifest(name: string): string {
  return readFileSync(join(import.meta.dirname, '..', 'golden-kernel', name, 'in.yaml'), 'utf8');
}

/** Plans of the contract suite for the l4 plane, whatever is behind it. */
export const L4_SUITE: Pick<PlaneSuite<L4Plan>, 'wants' | 'wider' | 'afterRelease'> = {
  wants: [
    kernelPlanOf(manifest('cluster-ip')),
    kernelPlanOf(manifest('affinity')),
    kernelPlanOf(manifest('source-ranges')),
    kernelPlanOf(manifest('protocols')),
    // Another node as well.
    kernelPlanOf(manifest('node-port-addresses')),
  ],
  wider: kernelPlanOf(`${manifest('cluster-ip')}---\n${manifest('affinity').replaceAll('10.96.0.1', '10.96.0.2')}`),
  // A restart, or an upgrade, must cut nothing.
  afterRelease: 'everything',
};
