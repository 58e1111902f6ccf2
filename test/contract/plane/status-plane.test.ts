import { Fault } from '../../../src/lib/fault.ts';
import { PersistentMap } from '../../../src/lib/persistent-map.ts';
import type { IngressStatus } from '../../../src/compile/plan.ts';
import { finding, type Finding } from '../../../src/model/finding.ts';
import { ipAddressOf } from '../../../src/model/grammar.ts';
import { keyOf, type ObjectRef } from '../../../src/model/object.ts';
import { StatusPlane, type StatusWant } from '../../../src/planes/status/plane.ts';
import { FakeStatusWriter } from '../../fakes/status-writer.ts';
import { describePlane } from '../plane.ts';

function ref(name: string): ObjectRef {
  return { kind: 'Ingress', namespace: 'default', name };
}

/** Ingresses with the last byte of their address, and names with something wrong. */
function want(addresses: Readonly<Record<string, number>>, wrong: readonly string[] = []): StatusWant {
  const statuses = Object.entries(addresses).map(([name, last]): [string, IngressStatus] => {
    const ip = ipAddressOf(`192.0.2.${String(last)}`);
    return [keyOf(ref(name)), { ref: ref(name), addresses: ip === undefined ? [] : [{ ip }] }];
  });
  const findings = wrong.map((name): [string, readonly Finding[]] => [
    `ingress:${keyOf(ref(name))}`,
    [finding('IngressEmpty', ref(name), 'spec', 'there is nothing')],
  ]);
  return { status: { ingresses: PersistentMap.from(statuses) }, findings: PersistentMap.from(findings) };
}

describePlane<StatusWant>('StatusPlane', {
  makeWorld: () => {
    const writer = new FakeStatusWriter();
    const plane = new StatusPlane(writer);
    plane.lead(true);
    return Promise.resolve({
      plane,
      look: ({ status, findings }) =>
        Promise.resolve({
          ingresses: [...status.ingresses.keys()].sort().map((key) => [key, writer.addresses.get(key)]),
          events: [...findings.values()].flat().map((item) => [keyOf(item.object), writer.hasRecorded(item)]),
        }),
      disturb: () => {
        // Another process led meanwhile, and wrote what it thought right.
        plane.lead(false);
        for (const key of writer.addresses.keys()) writer.addresses.set(key, ['198.51.100.1']);
        plane.lead(true);
        return Promise.resolve();
      },
      refuse: () => Promise.resolve(void (writer.trouble = new Fault('api-server', 'the API server is gone'))),
      accept: () => Promise.resolve(void (writer.trouble = undefined)),
      close: () => Promise.resolve(),
    });
  },
  wants: [
    want({ a: 1, b: 1 }, ['a']),
    want({ a: 2, b: 1 }, ['a']),
    want({ a: 1, b: 1, c: 1 }, ['b', 'c']),
    want({ c: 3 }, ['c']),
  ],
  wider: want({ a: 1, b: 1, c: 1, d: 4 }, ['a', 'd']),
  afterRelease: 'everything',
});
