import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BgpPlan } from '../../src/compile/bgp/bgp-plan.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { Bird } from '../../src/planes/bgp/bird.ts';
import { DIGEST_SYMBOL } from '../../src/planes/bgp/configuration.ts';
import { KernelRoutes } from '../../src/planes/bgp/kernel-routes.ts';
import { BgpPlane } from '../../src/planes/bgp/plane.ts';
import { findProgram } from '../../src/planes/l4/kernel/run-program.ts';
import { describePlane } from '../contract/plane.ts';
import { planOf, profile, session } from './bgp/plans.ts';

const run = promisify(execFile);
const real = (await findProgram('bird')) ?? '';
const TABLE = 179;
let worlds = 0;

const peer = session('192.0.2.254');
const first = planOf([peer], [profile(1)], { 1: ['203.0.113.1/32', '2001:db8::1/128'] });

describePlane<BgpPlan>('BgpPlane on BIRD', {
  wants: [
    first,
    // Another profile, and a prefix that moves to it.
    planOf([peer], [profile(2, { localPref: 7 })], { 2: ['203.0.113.1/32', '203.0.113.2/32'] }),
    planOf([peer], [profile(1), profile(2)], { 1: ['203.0.113.0/24'], 2: ['2001:db8::2/128'] }),
    planOf([session('192.0.2.253')], [profile(1)], {}),
  ],
  wider: planOf([peer], [profile(1), profile(3)], { 1: ['203.0.113.1/32', '2001:db8::1/128'], 3: ['203.0.113.3/32'] }),
  afterRelease: 'nothing',
  timeoutMs: 30_000,
  makeWorld: async () => {
    worlds += 1;
    const name = `sluice-bgp-${String(process.pid)}-${String(worlds)}`;
    await run('ip', ['netns', 'add', name]);
    const enter = ['nsenter', `--net=/run/netns/${name}`];
    await run(enter[0] ?? '', [...enter.slice(1), 'ip', 'link', 'set', 'lo', 'up']);
    const folder = await mkdtemp(join(tmpdir(), 'sluice-bgp-'));
    const bird = join(folder, 'bird');
    await symlink(real, bird);
    const paths = { bird, folder: join(folder, 'state'), enter };
    const plane = new BgpPlane({
      paths,
      settings: { routeTable: TABLE, listenPort: 179 },
      logger: silentLogger,
      keepsAnnouncing: false,
    });
    const engine = new Bird(paths);
    return {
      plane,
      look: async () => {
        const routes = await new KernelRoutes(TABLE, enter).list();
        const shown = routes.map(({ prefix, metric }) => `${prefix} ${String(metric)}`).sort();
        const [digest] = await engine.ask(`eval ${DIGEST_SYMBOL}`).catch(() => []);
        const text = await readFile(join(paths.folder, 'bird.conf'), 'utf8').catch(() => '');
        // Of another folder it has another digest.
        const hasRead = digest !== undefined && text.includes(`define ${DIGEST_SYMBOL} = "${digest.text}";`);
        const rest = text.replace(/^define .*$/m, '').replaceAll(paths.folder, '');
        return [...shown, hasRead, rest];
      },
      disturb: async () => {
        const pid = await engine.pid();
        if (pid !== undefined) await engine.kill(pid);
      },
      refuse: async () => void (await run('ln', ['-sfn', '/bin/false', bird])),
      accept: async () => void (await run('ln', ['-sfn', real, bird])),
      close: async () => {
        await run('ip', ['netns', 'delete', name]);
        await rm(folder, { recursive: true });
      },
    };
  },
});
