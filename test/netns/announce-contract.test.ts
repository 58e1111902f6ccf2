import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AnnouncePlan } from '../../src/compile/announce/announce-plan.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { boundAddresses } from '../../src/planes/announce/bound-addresses.ts';
import { keepalivedProcess } from '../../src/planes/announce/keepalived-process.ts';
import { AnnouncePlane } from '../../src/planes/announce/plane.ts';
import { findProgram } from '../../src/planes/l4/kernel/run-program.ts';
import { describePlane } from '../contract/plane.ts';
import { pause, planOf, router } from './announce/vip-lab.ts';

const run = promisify(execFile);
const real = (await findProgram('keepalived')) ?? '';
let worlds = 0;

/** Longer than an election, so that what has not changed for so long stays. */
const SETTLED_MS = 600;

async function settled(look: () => Promise<string>): Promise<string> {
  let before = await look();
  let sinceMs = performance.now();
  while (performance.now() - sinceMs < SETTLED_MS) {
    await pause(20);
    const now = await look();
    if (now === before) continue;
    before = now;
    sinceMs = performance.now();
  }
  return before;
}

const eligible = planOf([router('a', 101, ['192.0.2.80', '2001:db8::80'])]);

describePlane<AnnouncePlan>('AnnouncePlane on keepalived', {
  wants: [
    eligible,
    // Another address, and one that moves to a router of another number.
    planOf([router('a', 101, ['192.0.2.81']), router('b', 102, ['192.0.2.80'])]),
    planOf([router('b', 102, ['192.0.2.82']), router('c', 103, ['192.0.2.83'], { isEligible: false })]),
    planOf([router('a', 101, ['192.0.2.80'])], false),
  ],
  wider: planOf([router('a', 101, ['192.0.2.80', '2001:db8::80']), router('b', 102, ['192.0.2.84'])]),
  afterRelease: 'nothing',
  timeoutMs: 60_000,
  makeWorld: async () => {
    worlds += 1;
    const name = `sluice-announce-${String(process.pid)}-${String(worlds)}`;
    await run('ip', ['netns', 'add', name]);
    const enter = ['nsenter', `--net=/run/netns/${name}`];
    const setUp =
      'ip link add eth0 type veth peer name peer; ip link set peer up; ip link set eth0 up; ip addr add 192.0.2.1/24 dev eth0';
    await run('nsenter', [`--net=/run/netns/${name}`, 'sh', '-c', setUp]);
    const folder = await mkdtemp(join(tmpdir(), 'sluice-announce-contract-'));
    const keepalived = join(folder, 'program');
    await symlink(real, keepalived);
    const paths = { keepalived, folder: join(folder, 'announce'), isUnit: false, enter };
    const plane = new AnnouncePlane({
      paths,
      settings: { nodeName: 'node', advertisementMs: 50 },
      logger: silentLogger,
      listenMs: 0,
      probe: { waitMs: 0, rememberedS: 30 },
      keepsAnnouncing: false,
    });
    const look = async (): Promise<string> => {
      const bound = (await boundAddresses(enter)).map(({ address }) => address);
      return bound
        .filter((address) => /^(?:192\.0\.2\.8|2001:db8:)/.test(address))
        .sort()
        .join(' ');
    };
    return {
      plane,
      look: () => settled(look),
      disturb: async () => {
        await keepalivedProcess(paths).kill();
      },
      refuse: async () => void (await run('ln', ['-sfn', '/bin/false', keepalived])),
      accept: async () => void (await run('ln', ['-sfn', real, keepalived])),
      close: async () => {
        await run('ip', ['netns', 'delete', name]);
        await rm(folder, { recursive: true });
      },
    };
  },
});
