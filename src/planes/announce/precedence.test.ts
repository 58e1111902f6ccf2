import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AnnouncePlan, VirtualRouter } from '../../compile/announce/announce-plan.ts';
import { silentLogger } from '../../lib/logger.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { IpAddress } from '../../model/grammar.ts';
import { Precedence } from './precedence.ts';

const NEVER = new AbortController().signal;

/** Answers as nft and ip do, with the set that stands in a file, and fails while there is none. */
const PROGRAMS = `#!/bin/sh
[ ! -e "\${0%/*}/deaf" ] || exit 1
case "$*" in
  'nft -j list set ip6'*) echo '{}' ;;
  'ip maddress add'*) echo "$*" >>"\${0%/*}/rules" ;;
  'nft -j list set'*) cat "\${0%/*}/set.json" ;;
  'nft -f -') cat >>"\${0%/*}/rules" ;;
esac
`;

const HEARD = { nftables: [{ set: { elem: [{ elem: { val: { concat: ['eth0', '192.0.2.9', 101] } } }] } }] };

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-precedence-'));
  await writeFile(join(folder, 'enter'), PROGRAMS);
  await chmod(join(folder, 'enter'), 0o700);
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

function router(name: string, id: number): VirtualRouter {
  return { name, interface: 'eth0', carrier: 4, id, priority: 100, isEligible: true, takesBack: false, addresses: [] };
}

const WANT: AnnouncePlan = {
  routers: PersistentMap.from([router('r1', 101), router('r2', 102)].map((item) => [item.name, item])),
  isNodeEligible: true,
};

it('leaves a virtual router to who was heard with it, also while nothing can be heard', async () => {
  const precedence = new Precedence({
    enter: [join(folder, 'enter')],
    logger: silentLogger,
    listenMs: 0,
    probe: { waitMs: 0, rememberedS: 30 },
  });
  const left = async (): Promise<readonly string[]> => [...(await precedence.without(WANT, [], NEVER)).routers.keys()];
  await writeFile(join(folder, 'set.json'), JSON.stringify(HEARD));
  expect(await left()).toEqual(['r2']);
  await rm(join(folder, 'set.json'));
  expect(await precedence.hasChanged(new Set())).toBe(false);
  expect(await left()).toEqual(['r2']);
  await writeFile(join(folder, 'set.json'), JSON.stringify({ nftables: [] }));
  expect(await precedence.hasChanged(new Set())).toBe(true);
  expect((await left()).toSorted()).toEqual(['r1', 'r2']);
});

it('tries again to listen where it could not, and then hears who is there', async () => {
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (text: string) => void warnings.push(text) };
  const precedence = new Precedence({
    enter: [join(folder, 'enter')],
    logger,
    listenMs: 0,
    probe: { waitMs: 0, rememberedS: 30 },
  });
  await writeFile(join(folder, 'set.json'), JSON.stringify(HEARD));
  await writeFile(join(folder, 'deaf'), '');
  expect([...(await precedence.without(WANT, [], NEVER)).routers.keys()]).toHaveLength(2);
  expect(await precedence.hasChanged(new Set())).toBe(false);
  expect(warnings).toEqual(['cannot listen for others that speak VRRP', 'cannot hear who else answers for addresses']);
  await rm(join(folder, 'deaf'));
  expect(await precedence.hasChanged(new Set())).toBe(true);
  expect(await readFile(join(folder, 'rules'), 'utf8')).toContain('table inet sluice-vrrp');
  expect([...(await precedence.without(WANT, [], NEVER)).routers.keys()]).toEqual(['r2']);
});

it('has interfaces take what VRRP sends over IPv4 and over IPv6', async () => {
  const precedence = new Precedence({
    enter: [join(folder, 'enter')],
    logger: silentLogger,
    listenMs: 0,
    probe: { waitMs: 0, rememberedS: 30 },
  });
  await writeFile(join(folder, 'set.json'), JSON.stringify({ nftables: [] }));
  await precedence.without(WANT, [], NEVER);
  const joined = (await readFile(join(folder, 'rules'), 'utf8')).split('\n').filter((line) => line.startsWith('ip '));
  expect(joined).toEqual(['ip maddress add 01:00:5e:00:00:12 dev eth0', 'ip maddress add 33:33:00:00:00:12 dev eth0']);
});

it('goes on reporting who else answers for an address that we have, when something else changes', async () => {
  const owner = { interface: 'eth0', address: '192.0.2.5' as IpAddress, hardwareAddress: '02:00:00:00:00:09' };
  const reports: (readonly string[])[] = [];
  const precedence = new Precedence({
    enter: [join(folder, 'enter')],
    logger: silentLogger,
    listenMs: 0,
    probe: { waitMs: 0, rememberedS: 30 },
    onForeignOwners: (owners) => void reports.push(owners.map(({ hardwareAddress }) => hardwareAddress)),
  });
  const heard = { elem: { val: { concat: [owner.interface, owner.address, owner.hardwareAddress] } } };
  await writeFile(join(folder, 'set.json'), JSON.stringify({ nftables: [{ set: { elem: [heard] } }] }));
  const ours = [{ address: owner.address, interface: 'eth0', router: 'r1' }];
  const routers = PersistentMap.from([['r1', { ...router('r1', 101), addresses: [owner.address] }]]);
  const held = new Set([owner.address]);
  await precedence.without({ ...WANT, routers }, ours, NEVER);
  await precedence.hasChanged(held);
  await precedence.hasChanged(held);
  expect(reports).toEqual([[owner.hardwareAddress]]);
  await precedence.without({ ...WANT, routers }, ours, NEVER);
  await precedence.hasChanged(held);
  expect(reports).toEqual([[owner.hardwareAddress]]);
});
