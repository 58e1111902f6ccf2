import { AddressAllocator } from '../../src/compile/addresses/address-allocator.ts';
import { PersistentMap } from '../../src/lib/persistent-map.ts';
import type { AddressPool } from '../../src/model/address-pool.ts';
import { addressRangeOf } from '../../src/model/address-range.ts';
import { DEFAULT_TRAFFIC, type Service } from '../../src/model/service.ts';
import { EMPTY_SNAPSHOT } from '../../src/model/snapshot.ts';
import type { Row } from './report.ts';

const SERVICES = 10_000;
const CHANGES = 200;
const RANGES = ['10.1.0.0/16', '10.2.0.0/20', '10.3.0.0/20'];

const POOLS = PersistentMap.from(
  RANGES.map((text, index): readonly [string, AddressPool] => {
    const name = `p${String(index)}`;
    const meta = { namespace: 'm', name, uid: '', createdMs: 0 };
    const ranges = [addressRangeOf(text)].filter((range) => range !== undefined);
    return [
      `m/${name}`,
      { meta, labels: {}, ranges, isAutomatic: true, avoidsBuggyAddresses: false, reserved: undefined },
    ];
  }),
);

/** One that asks for the pool of a number. */
function service(index: number, pool: number): Service {
  return {
    meta: { namespace: 'bench', name: `s${String(index)}`, uid: '', createdMs: index },
    type: 'LoadBalancer',
    ports: [
      { name: '', port: 80, protocol: 'TCP', targetPort: undefined, appProtocol: undefined, nodePort: undefined },
    ],
    externalName: undefined,
    publishedAddresses: [],
    traffic: DEFAULT_TRAFFIC,
    loadBalancer: {
      className: undefined,
      request: { kind: 'any' },
      pool: `p${String(pool % RANGES.length)}`,
      sharingKey: undefined,
      labels: {},
      allocatedFrom: undefined,
      virtualRouters: [],
      selector: '',
    },
  };
}

/** CPU time of this process, in milliseconds: what else the machine does is not counted. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

export const ADDRESS_HEADINGS: Row = ['Services × pools', 'start, CPU', 'a Service that asks for another pool, CPU'];

/** Who has which address: from nothing, and one change after the other. Goals: 1 s, and 5 ms. */
export function addressRows(): readonly Row[] {
  const allocator = new AddressAllocator({ className: undefined, pool: [], reportsMissingPools: true });
  const all = Array.from(
    { length: SERVICES },
    (_, index) => [`bench/s${String(index)}`, service(index, index)] as const,
  );
  let services = PersistentMap.from(all);
  const update = (keys: readonly string[]): number => {
    const fromMs = cpuMs();
    allocator.update(new Set(keys), { ...EMPTY_SNAPSHOT, addressPools: POOLS, services }, 0);
    return cpuMs() - fromMs;
  };
  const start = update([...services.keys()]);
  let changes = 0;
  for (let index = 0; index < CHANGES; index += 1) {
    const key = `bench/s${String(index)}`;
    services = services.set(key, service(index, index + 1));
    changes += update([key]);
  }
  const size = `${SERVICES.toLocaleString('en')} × ${String(RANGES.length)}`;
  return [[size, `${start.toFixed(0)} ms`, `${(changes / CHANGES).toFixed(2)} ms`]];
}
