/** The BGP plane with real BIRD on both ends: what changes, what stays, and what goes wrong. */
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { signalProcess } from '../../src/lib/signal-process.ts';
import type { BgpPlan, BgpSession } from '../../src/compile/bgp/bgp-plan.ts';
import { SecretText } from '../../src/model/secret-text.ts';
import { ask } from '../../src/planes/bgp/control.ts';
import { processesWith } from '../../src/planes/detached-process.ts';
import { ip } from '../l4/snapshot-steps.ts';
import { BgpLab, neighbor } from './bgp/bgp-lab.ts';
import { planOf, profile, session } from './bgp/plans.ts';
import { ROUTER_PREFIX, type LearnedRoute } from './bgp/router.ts';
import { addressOf, GATEWAY } from './topology.ts';

const VIP = '203.0.113.10/32';
const VIP6 = '2001:db8::10/128';
const PEER = 'node_a';

let lab: BgpLab;

beforeAll(async () => {
  lab = await BgpLab.create();
});

afterEach(async () => {
  await lab.clear();
});

afterAll(async () => {
  await lab.remove();
});

function one(rest: Partial<BgpSession> = {}, prefixes: readonly string[] = [VIP, VIP6]): BgpPlan {
  return planOf([session(GATEWAY.IPv4, rest)], [profile(1)], { 1: prefixes });
}

function waitFor(check: () => Promise<void> | void, timeout = 15_000): Promise<void> {
  return vi.waitFor(check, { timeout, interval: 20 });
}

async function learned(prefix = VIP): Promise<LearnedRoute | undefined> {
  return (await lab.router.routes()).get(prefix);
}

/** Has the session and a route at the router. */
async function begin(plan: BgpPlan = one(), more: readonly string[] = [], prefix = VIP): Promise<void> {
  await lab.router.configure([neighbor('node-a', more)]);
  await lab.apply(plan);
  await waitFor(async () => expect(await learned(prefix)).toBeDefined());
}

function bird(command: string): Promise<readonly string[]> {
  return ask(join(lab.folder, 'bird.ctl'), command).then((lines) => lines.map(({ text }) => text));
}

async function reconfigured(): Promise<string> {
  return (await bird('show status')).find((line) => line.includes('Last reconfiguration')) ?? '';
}

describe('what a router learns', () => {
  it('is each prefix with its attributes, by way of the node', async () => {
    const communities = [
      { kind: 'standard', numbers: [64512, 7] },
      { kind: 'large', numbers: [64512, 1, 4_294_967_295] },
    ] as const;
    const plan = planOf([session(GATEWAY.IPv4)], [profile(4_294_967_295, { communities })], {
      4294967295: [VIP, VIP6, '203.0.113.128/25', '2001:db8:1::/64'],
    });
    await begin(plan);
    const marks = ['64512:7', 'large:64512:1:4294967295'];
    expect(await learned()).toMatchObject({ via: [addressOf('node-a', 'IPv4')], communities: marks });
    await waitFor(async () => expect(await learned(VIP6)).toMatchObject({ via: [addressOf('node-a', 'IPv6')] }));
    expect(await learned('203.0.113.128/25')).toMatchObject({ communities: marks });
    expect(await learned('2001:db8:1::/64')).toMatchObject({ communities: marks });
  });

  it('comes over a session of IPv6 too, with both families', async () => {
    const lines = ['local as 64513;', `neighbor ${addressOf('node-a', 'IPv6')} as 64512;`];
    await lab.router.configure([neighbor('node-a', [], { lines })]);
    await lab.apply(planOf([session(GATEWAY.IPv6)], [profile(1)], { 1: [VIP, VIP6] }));
    await waitFor(async () => expect(await learned(VIP6)).toMatchObject({ via: [addressOf('node-a', 'IPv6')] }));
    await waitFor(async () => expect(await learned(VIP)).toMatchObject({ via: [addressOf('node-a', 'IPv4')] }));
  });

  it('has the local preference where it is of the same AS', async () => {
    const lines = ['local as 64512;', `neighbor ${addressOf('node-a', 'IPv4')} as 64512;`];
    await lab.router.configure([neighbor('node-a', [], { lines })]);
    await lab.apply(
      planOf([session(GATEWAY.IPv4, { peerAs: 'internal' })], [profile(1, { localPref: 250 })], { 1: [VIP] }),
    );
    await waitFor(async () => expect(await learned()).toMatchObject({ localPrefs: [250] }));
  });

  it('is withdrawn within the second, and the session stays', async () => {
    await begin();
    const ups = await lab.router.timesUp(PEER);
    await lab.apply(one({}, [VIP6]));
    await waitFor(async () => expect(await learned()).toBeUndefined(), 1_000);
    expect([await lab.router.timesUp(PEER), (await learned(VIP6)) !== undefined]).toEqual([ups, true]);
  });

  it('is nothing that the router says: its own routes do not reach the node', async () => {
    await lab.router.configure([neighbor('node-a', [], { channelLines: 'export all;' })]);
    await lab.apply(one());
    await waitFor(async () => expect(await learned()).toBeDefined());
    const told = async (): Promise<string> => (await lab.router.ask(`show protocols all ${PEER}`)).join('\n');
    await waitFor(async () => expect(await told()).toMatch(/Routes:\s+1 imported, [1-9]\d* exported/));
    expect((await bird('show route table vips4 count')).join()).toContain('1 of 1 routes');
    expect(await lab.network.command('node-a', ['ip', 'route', 'show', 'table', 'all'])).not.toContain(ROUTER_PREFIX);
  });
});

describe('a session', () => {
  it('is had with a peer whose AS is any other, and by whose address is ours', async () => {
    await begin(one({ peerAs: 'external', sourceAddress: ip(addressOf('node-a', 'IPv4')), routerId: ip('10.9.9.9') }));
    expect((await lab.router.ask(`show protocols all ${PEER}`)).join('\n')).toContain('10.9.9.9');
  });

  it('is not had with a peer of another AS than said, which is reported', async () => {
    await lab.router.configure([neighbor('node-a')]);
    await lab.apply(one({ peerAs: 64_999 }));
    await waitFor(() => expect(lab.plane.peers[0]?.lastError).toMatch(/AS/));
    expect(lab.plane.peers[0]).toMatchObject({ peer: 'm/rack', isUp: false });
  });

  it('needs the same password on both ends', async () => {
    const password = new SecretText('open #sesame; {}');
    await begin(one({ password }), ['password "open #sesame; {}";']);
    await lab.apply(one({ password: new SecretText('other') }));
    await waitFor(() => expect(lab.plane.peers[0]?.isUp).toBe(false));
    await lab.apply(one({ password }));
    await waitFor(() => expect(lab.plane.peers[0]?.isUp).toBe(true));
  });

  it('stays while its password cannot be read, also with the next program, and waits where there was none', async () => {
    const lines = ['password "word";'];
    await lab.apply(one({ password: 'kept' }));
    expect(await readdir(lab.folder)).not.toContain('bird.conf');
    await begin(one({ password: new SecretText('word') }), lines);
    const ups = await lab.router.timesUp(PEER);
    lab.successor();
    await lab.apply(one({ password: 'kept' }, [VIP6]));
    await waitFor(async () => expect(await learned()).toBeUndefined());
    expect([await lab.router.timesUp(PEER), await lab.router.isUp(PEER)]).toEqual([ups, true]);
  });

  it('has the times that it is given', async () => {
    await begin(one({ holdTimeS: 12, keepaliveTimeS: 4 }));
    const shown = (await bird('show protocols all')).join('\n');
    expect(shown).toMatch(/Hold timer:\s+[\d.]+\/12/);
    expect(shown).toMatch(/Keepalive timer:\s+[\d.]+\/4/);
  });

  it('on a link without addresses is had with whoever calls', async () => {
    const link = (
      await lab.network.command('node-a', ['ip', '-o', '-6', 'address', 'show', 'dev', 'eth0', 'scope', 'link'])
    ).match(/fe80::[0-9a-f:]+/)?.[0];
    const lines = ['local as 64513;', `neighbor ${link ?? ''}%br0 as 64512;`, 'direct;'];
    await lab.router.configure([neighbor('node-a', [], { lines, channelLines: '', channels: ['ipv6'] })]);
    await lab.apply(one({ neighbor: { kind: 'interface', interface: 'eth0' }, peerAs: 'external' }));
    await waitFor(async () => expect(await learned(VIP6)).toBeDefined());
    await waitFor(() => expect(lab.plane.peers[0]).toMatchObject({ isUp: true, peerAs: 64513 }));
  });
});

describe('a change', () => {
  it('of Services touches no configuration, however many there are', async () => {
    await begin();
    const [ups, configured] = [await lab.router.timesUp(PEER), await reconfigured()];
    const many = Array.from({ length: 200 }, (_, index) => `198.51.100.${String(index)}/32`);
    for (let round = 0; round < 5; round += 1) await lab.apply(one({}, round % 2 === 0 ? [VIP, ...many] : [VIP]));
    await waitFor(async () => expect((await lab.router.routes()).size).toBe(202));
    expect([await lab.router.timesUp(PEER), await reconfigured()]).toEqual([ups, configured]);
  });

  it('of attributes, or a further peer, ends no session', async () => {
    await begin();
    const ups = await lab.router.timesUp(PEER);
    const marked = profile(1, { communities: [{ kind: 'standard', numbers: [1, 2] }] });
    const second = session('10.90.0.77', { id: 'other-11111111' as BgpSession['id'] });
    await lab.apply(planOf([second, session(GATEWAY.IPv4)], [marked], { 1: [VIP] }));
    await waitFor(async () => expect(await learned()).toMatchObject({ communities: ['1:2'] }));
    expect(await lab.router.timesUp(PEER)).toBe(ups);
  });

  it('of the profile of a route replaces it without a withdrawal', async () => {
    await begin();
    const withdrawals = async (): Promise<string> =>
      (await lab.router.ask(`show protocols all ${PEER}`)).find((line) => line.includes('Import withdraws')) ?? '';
    const before = await withdrawals();
    const other = profile(2, { communities: [{ kind: 'standard', numbers: [3, 4] }] });
    await lab.apply(planOf([session(GATEWAY.IPv4)], [other], { 2: [VIP, VIP6] }));
    await waitFor(async () => expect(await learned()).toMatchObject({ communities: ['3:4'] }));
    expect(await withdrawals()).toBe(before);
  });

  it('that BIRD refuses changes nothing, and is a Fault', async () => {
    await begin();
    const configured = await reconfigured();
    // Two protocols of one name.
    const twice = planOf([session(GATEWAY.IPv4), session('10.90.0.78')], [profile(1)], { 1: [VIP] });
    await expect(lab.apply(twice)).rejects.toMatchObject({ code: 'bird-refused' });
    expect([await reconfigured(), (await learned()) !== undefined]).toEqual([configured, true]);
  });
});

describe('BIRD', () => {
  it('goes on while nobody looks after it, and the next program goes on with it', async () => {
    await begin();
    const [pid, ups, configured] = [await lab.birdPid(), await lab.router.timesUp(PEER), await reconfigured()];
    await lab.plane.release();
    lab.successor();
    expect(await lab.apply(one())).toBe(0);
    expect([await lab.birdPid(), await lab.router.timesUp(PEER), await reconfigured()]).toEqual([pid, ups, configured]);
  });

  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'is there again after a %s, and the router has the routes',
    async (signal) => {
      await begin();
      const reasons: string[] = [];
      lab.plane.onDisturbed((reason) => reasons.push(reason));
      signalProcess(await lab.birdPid(), signal);
      await waitFor(() => expect(reasons).toContain(signal === 'SIGKILL' ? 'BIRD has ended' : 'BIRD is halted'));
      expect(await lab.apply(one())).toBeGreaterThan(0);
      await waitFor(async () => expect(await lab.router.isUp(PEER)).toBe(true));
      await waitFor(async () => expect(await learned()).toBeDefined());
    },
  );

  it('that was given another configuration by somebody gets ours again, and so do the routes', async () => {
    await begin();
    const reasons: string[] = [];
    lab.plane.onDisturbed((reason) => reasons.push(reason));
    await writeFile(join(lab.folder, 'bird.conf'), 'protocol device {}\n');
    await bird('configure');
    await waitFor(() => expect(reasons).toContain('BIRD has another configuration'));
    await lab.network.command('node-a', ['ip', 'route', 'flush', 'table', '179']);
    await lab.apply(one());
    await waitFor(async () => expect(await learned()).toBeDefined());
  });

  it('is not doubled by a second one when its pid file is lost', async () => {
    await begin();
    const [pid, ups] = [await lab.birdPid(), await lab.router.timesUp(PEER)];
    await rm(join(lab.folder, 'bird.pid'));
    lab.successor();
    await lab.apply(one({}, [VIP6]));
    await waitFor(async () => expect(await learned()).toBeUndefined());
    expect(await lab.router.timesUp(PEER)).toBe(ups);
    expect((await processesWith(join(lab.folder, 'bird.conf'))).map((found) => found.pid)).toEqual([pid]);
  });

  it('leaves the routes alone that another program has in the same table', async () => {
    await lab.network.command('node-a', ['ip', 'route', 'add', 'blackhole', '198.51.100.0/24', 'table', '179']);
    await begin();
    await lab.apply(one({}, [VIP6]));
    await lab.plane.uninstall();
    const left = await lab.network.command('node-a', ['ip', 'route', 'show', 'table', '179']);
    await lab.network.command('node-a', ['ip', 'route', 'flush', 'table', '179']);
    expect(left.trim()).toBe('blackhole 198.51.100.0/24');
  });

  it('that is killed loses no route at a router that knows graceful restart', async () => {
    await begin(one({ hasGracefulRestart: true }), ['graceful restart on;']);
    const pid = await lab.birdPid();
    signalProcess(pid, 'SIGKILL');
    await waitFor(async () => expect(await lab.router.isUp(PEER)).toBe(false));
    expect(await learned()).toBeDefined();
    await lab.apply(one({ hasGracefulRestart: true }));
    const losses: string[] = [];
    await waitFor(async () => {
      if ((await learned()) === undefined) losses.push('lost');
      expect(await lab.router.isUp(PEER)).toBe(true);
    });
    expect(losses).toEqual([]);
  });

  it('misses a peer by BFD long before its hold time', async () => {
    const bfd = { receiveIntervalMs: 50, transmitIntervalMs: 50, detectMultiplier: 3, isPassive: false };
    const options = 'bfd { min rx interval 50 ms; min tx interval 50 ms; multiplier 3; };';
    await begin(one({ bfd }), [options]);
    await waitFor(() => expect(lab.plane.peers[0]).toMatchObject({ bfd: 'up' }));
    signalProcess(await lab.birdPid(), 'SIGSTOP');
    await waitFor(async () => expect(await learned()).toBeUndefined(), 3_000);
  });

  it('has a configuration that nobody else can read, and leaves nothing behind when it is not wanted any more', async () => {
    await begin(one({ password: new SecretText('word') }), ['password "word";']);
    for (const name of await readdir(lab.folder)) {
      const { mode } = await stat(join(lab.folder, name));
      const text = name === 'bird.ctl' ? '' : await readFile(join(lab.folder, name), 'utf8');
      if (text.includes('word')) expect([name, mode & 0o077]).toEqual([name, 0]);
    }
    await lab.apply(planOf([], [], {}));
    await waitFor(async () => expect(await learned()).toBeUndefined());
    expect(await readdir(lab.folder)).not.toContain('bird.conf');
    expect(await lab.network.command('node-a', ['ip', 'rule'])).not.toContain('179');
  });
});

describe('an address', () => {
  it('is withdrawn before the end while its session stays, and comes again with the next program', async () => {
    await begin();
    await lab.plane.withdraw();
    await waitFor(async () => expect(await learned()).toBeUndefined());
    expect(await lab.router.isUp(PEER)).toBe(true);
    await lab.plane.release();
    lab.successor();
    await lab.apply(one());
    await waitFor(async () => expect(await learned()).toBeDefined());
  });

  it('stays withdrawn where a change of routes was under way', async () => {
    await begin();
    for (let round = 0; round < 5; round += 1) {
      const many = Array.from({ length: 200 }, (_, index) => `198.51.100.${String(index)}/32`);
      const applying = lab.apply(one({}, [VIP, ...many]));
      await Promise.all([applying, lab.plane.withdraw()]);
      expect(await lab.network.command('node-a', ['ip', 'route', 'show', 'table', '179'])).toBe('');
      await lab.plane.release();
      lab.successor();
      await lab.apply(one());
    }
  });

  it('that no Service answers for sends no packet round and round', async () => {
    await begin();
    const forwarded = async (): Promise<number> => {
      const [names = '', values = ''] = (await lab.network.command('lan', ['cat', '/proc/net/snmp'])).split('\n');
      return Number(values.split(' ')[names.split(' ').indexOf('ForwDatagrams')]);
    };
    const before = await forwarded();
    await lab.network.command('ext', ['ip', 'route', 'replace', '203.0.113.0/24', 'via', GATEWAY.IPv4]);
    await lab.network.command('ext', ['bash', '-c', 'for i in 1 2 3; do echo > /dev/udp/203.0.113.10/9; done']);
    await waitFor(async () => expect((await forwarded()) - before).toBeGreaterThanOrEqual(3));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect((await forwarded()) - before).toBe(3);
  });
});
