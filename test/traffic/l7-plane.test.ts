import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { L7Plan } from '../../src/compile/plan.ts';
import { describePlane } from '../contract/plane.ts';
import { changesOf, compileChanges } from '../golden/compile-manifest.ts';
import { attack } from '../injection/hostile.ts';
import { afterAttacks, anyMark } from '../injection/marks.ts';
import { bystanders, targets } from '../injection/objects.ts';
import { planOf } from '../injection/served.ts';
import { makeCertificate } from './certificate.ts';
import { EngineWorld } from './engine-world.ts';
import { Backend } from './lab.ts';
import { ingress, service, tlsSecret } from './manifest.ts';

const one = await Backend.start('one');
const two = await Backend.start('two');
afterAll(async () => {
  await one.stop();
  await two.stop();
});

const pem = makeCertificate('first', ['a.test', 'b.test']);
const renewed = makeCertificate('second', ['a.test', 'b.test']);

function want(...manifests: readonly string[]): L7Plan {
  return compileChanges(changesOf(manifests.join(''))).l7;
}

const basic = [
  service('one', [one.port]),
  tlsSecret('tls', pem),
  ingress('a', 'a.test', { '/': 'one', '=/exact': 'one' }, 'tls'),
];

describePlane<L7Plan>('L7Plane on HAProxy', {
  makeWorld: async () => {
    const world = await EngineWorld.create();
    return {
      plane: world.plane,
      look: (plan) => world.look(plan),
      disturb: () => world.kill(),
      refuse: async () => {
        // What the next plan adds is there already, so that HAProxy refuses to add it; and no other process can be started.
        await world.cli('add backend default_three_80 from sluice-backend');
        await world.removeBinary();
      },
      accept: () => world.installBinary(),
      close: () => world.close(),
    };
  },
  wants: [
    want(...basic),
    // Another endpoint, certificate and path; a host more, with a wildcard above it.
    want(
      service('one', [two.port]),
      tlsSecret('tls', renewed),
      ingress('a', 'a.test', { '/': 'one', '/prefix': 'two' }, 'tls'),
      service('two', [two.port]),
      ingress('b', 'b.test', { '/only': 'two' }, 'tls'),
      ingress('wild', '*.b.test', { '/': 'one' }),
    ),
    // Service gone, certificate gone, everything on another path; semicolons.
    want(ingress('a', 'a.test', { '/': 'one', '/semi;colon': 'two' }), service('two', [one.port])),
    want(service('one', []), ingress('c', 'c.test', { '/': 'one' })),
  ],
  wider: want(...basic, service('three', [two.port]), ingress('d', 'd.test', { '/': 'three' })),
  afterRelease: 'nothing',
  timeoutMs: 60_000,
});

describe('L7Plane on HAProxy and hostile strings', () => {
  it('leads from one plan to the next without a restart, each of which HAProxy would start on', async () => {
    const world = await EngineWorld.create();
    const { signal } = new AbortController();
    const calm = planOf(bystanders);
    try {
      await world.plane.apply(planOf([...targets, ...bystanders]).l7, signal);
      const before = await world.held(calm.l7);
      const some = fc.array(fc.tuple(anyMark, attack), { minLength: 1, maxLength: 4 });
      for (const [index, attacks] of fc.sample(some, 300).entries()) {
        const { l7 } = planOf([...afterAttacks(targets, attacks), ...bystanders]);
        await world.plane.apply(l7, signal);
        expect(world.starts, JSON.stringify(attacks)).toEqual(['started']);
        expect(await world.held(calm.l7)).toEqual(before);
        if (index % 10 === 0) expect(await world.check(l7), JSON.stringify(attacks)).toBe('');
      }
    } finally {
      await world.plane.release();
      await world.close();
    }
  });
});
