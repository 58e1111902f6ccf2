import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { signalProcess } from '../../src/lib/signal-process.ts';
import { longestGapMs, pause, planOf, router, VipLab } from './announce/vip-lab.ts';
import { addressOf, NODES, type NodeName } from './topology.ts';

const VIP = '10.90.0.200';
const OTHER = '10.90.0.201';
const VIP6 = 'fd90::200';

let lab: VipLab;

beforeAll(async () => {
  lab = await VipLab.create();
});

afterEach(async () => {
  await lab.apply(() => planOf([]));
});

afterAll(async () => {
  await lab.remove();
});

async function ownedBy(node: NodeName, address = VIP): Promise<void> {
  await vi.waitFor(async () => expect(await lab.owners(address)).toEqual([node]), { timeout: 5_000, interval: 20 });
}

/** One router on every node, which node-a would rather have than node-b, and that rather than node-c. */
const one = (_: NodeName, index: number) => planOf([router('r1', 101, [VIP, VIP6], { priority: 200 - 50 * index })]);

/** Has node-a own the addresses: who is first at a start has them. */
async function startWithA(planFor = one): Promise<void> {
  await lab.apply(planFor, ['node-a']);
  await ownedBy('node-a');
  await lab.apply(planFor, ['node-b', 'node-c']);
  await pause(300);
}

describe('addresses on the local network', () => {
  it('are had by one node, and answered by it in both families', async () => {
    await startWithA();
    expect([await lab.owners(VIP), await lab.owners(VIP6)]).toEqual([['node-a'], ['node-a']]);
    for (const address of [VIP, VIP6]) {
      const answers = await lab.ask(address, () => Promise.resolve(), 100);
      expect(new Set(answers.map(({ node }) => node))).toEqual(new Set(['node-a']));
    }
  });

  it('are taken over when their node is cut off, and are not given back before it is there again', async () => {
    await startWithA();
    const answers = await lab.ask(VIP, async () => {
      await lab.network.command('lan', ['ip', 'link', 'set', 'node-a', 'down']);
      await pause(500);
    });
    expect(answers.at(-1)?.node).toBe('node-b');
    expect(longestGapMs(answers)).toBeLessThan(5_000);
    await lab.network.command('lan', ['ip', 'link', 'set', 'node-a', 'up']);
  });

  it('move without a lost answer when their node is not to have them any more, and stay when it may again', async () => {
    await startWithA();
    const answers = await lab.ask(VIP, async () => {
      await lab.apply((node, index) => ({ ...one(node, index), isNodeEligible: node !== 'node-a' }), ['node-a']);
      await ownedBy('node-b');
      await lab.apply(one, ['node-a']);
    });
    expect(answers.at(-1)?.node).toBe('node-b');
    expect(await lab.owners(VIP)).toEqual(['node-b']);
  });

  it("are nobody's where no node is eligible, and had again by the first that is", async () => {
    const never = (_: NodeName, index: number) =>
      planOf([router('r1', 101, [VIP], { priority: 200 - 50 * index, isEligible: false })]);
    await lab.apply(never);
    await pause(500);
    expect(await lab.owners(VIP)).toEqual([]);
    await lab.apply((_, index) => planOf([router('r1', 101, [VIP], { priority: 200 - 50 * index })]), ['node-c']);
    await ownedBy('node-c');
  });

  it('come and go beside others without moving them', async () => {
    await startWithA();
    const more = (_: NodeName, index: number) =>
      planOf([router('r1', 101, [VIP, OTHER], { priority: 200 - 50 * index })]);
    const answers = await lab.ask(VIP, async () => {
      await lab.apply(more);
      await ownedBy('node-a', OTHER);
      await lab.apply(one);
      await vi.waitFor(async () => expect(await lab.owners(OTHER)).toEqual([]));
    });
    expect(new Set(answers.map(({ node }) => node))).toEqual(new Set(['node-a']));
  });

  it('move to another router in two steps, and are not lost', async () => {
    const two = (first: readonly string[], second: readonly string[]) => (_: NodeName, index: number) =>
      planOf([
        router('a', 101, first, { priority: 200 - 50 * index }),
        router('b', 102, second, { priority: 200 - 50 * index }),
      ]);
    await startWithA(two(['10.90.0.210'], [VIP, OTHER]));
    await lab.apply(two(['10.90.0.210', VIP], [OTHER]));
    await ownedBy('node-a');
    await ownedBy('node-a', OTHER);
  });

  it('stay and fail over while nobody looks after keepalived, and the next program goes on with it', async () => {
    await startWithA();
    const pid = await lab.keepalivedPid('node-a');
    const successor = lab.successorOf('node-a');
    const answers = await lab.ask(VIP, async () => {
      await successor.apply(one('node-a', 0), new AbortController().signal);
    });
    expect(await lab.keepalivedPid('node-a')).toBe(pid);
    expect(new Set(answers.map(({ node }) => node))).toEqual(new Set(['node-a']));
  });

  it('are taken away by the next keepalived when they went out of the plan while it was dead', async () => {
    await startWithA();
    // The child gives its addresses up when it finds its parent gone, unless it is killed as well before it looks.
    const pids = [await lab.vrrpPid('node-a'), await lab.keepalivedPid('node-a')];
    for (const signal of ['SIGSTOP', 'SIGKILL'] as const) for (const pid of pids) signalProcess(pid, signal);
    await vi.waitFor(async () => expect(await lab.owners(VIP)).toContain('node-b'));
    expect(await lab.owners(VIP)).toContain('node-a');
    await lab.apply((_, index) => planOf([router('r2', 103, [OTHER], { priority: 200 - 50 * index })]));
    await vi.waitFor(async () => expect(await lab.owners(VIP)).toEqual([]), { timeout: 5_000 });
  });

  it("are one node's again when a keepalived that was killed, or hangs, is noticed", async () => {
    await startWithA();
    const reasons: string[] = [];
    lab.plane('node-a').onDisturbed((reason) => reasons.push(reason));
    signalProcess(await lab.keepalivedPid('node-a'), 'SIGSTOP');
    signalProcess(await lab.vrrpPid('node-a'), 'SIGSTOP');
    await vi.waitFor(() => expect(reasons).toContain('keepalived is halted'), { timeout: 5_000 });
    await lab.apply(one, ['node-a']);
    await vi.waitFor(async () => expect((await lab.owners(VIP)).length).toBe(1), { timeout: 5_000 });
  });
});

describe('what keepalived does wrong by itself', () => {
  it('is not two owners while a change has reached one node and not yet the others', async () => {
    await startWithA();
    const more = planOf([router('r1', 101, [VIP, VIP6, OTHER], { priority: 200 })]);
    await lab.apply(() => more, ['node-a']);
    await ownedBy('node-a', OTHER);
    // Longer than an election: nodes that advertised these addresses would not listen to each other now.
    await pause(600);
    expect(await lab.owners(VIP)).toEqual(['node-a']);
  });

  it('is not deafness: others take over in the midst of a storm of changes', async () => {
    await startWithA();
    let isStorm = true;
    const storm = async (node: 'node-b' | 'node-c', index: number): Promise<void> => {
      for (let change = 0; isStorm; change += 1) {
        const addresses = [VIP, VIP6, `10.90.0.${String(210 + (change % 2))}`];
        await lab.apply(() => planOf([router('r1', 101, addresses, { priority: 200 - 50 * index })]), [node]);
      }
    };
    const storms = [storm('node-b', 1), storm('node-c', 2)];
    try {
      await pause(1_500);
      await lab.network.command('lan', ['ip', 'link', 'set', 'node-a', 'down']);
      await vi.waitFor(async () => expect(await lab.owners(VIP)).toContain('node-b'), {
        timeout: 10_000,
        interval: 20,
      });
    } finally {
      isStorm = false;
      await Promise.all(storms);
      await lab.network.command('lan', ['ip', 'link', 'set', 'node-a', 'up']);
    }
  });

  it('is no end of its process at a reload, which keeps its real-time priority', async () => {
    await startWithA();
    const pid = await lab.vrrpPid('node-a');
    const before = await lab.network.command('node-a', ['chrt', '-p', String(pid)]);
    await lab.apply(() => planOf([router('r1', 101, [VIP, OTHER], { priority: 200 })]), ['node-a']);
    await lab.apply(() => planOf([router('r1', 101, [VIP], { priority: 200 })]), ['node-a']);
    expect(await lab.vrrpPid('node-a')).toBe(pid);
    expect(await lab.network.command('node-a', ['chrt', '-p', String(pid)])).toBe(before);
  });

  it('is no end of everything where one interface is missing', async () => {
    const missing = (_: NodeName, index: number) =>
      planOf([
        router('r1', 101, [VIP], { priority: 200 - 50 * index }),
        router('r2', 102, [OTHER], { priority: 200 - 50 * index, interface: 'eth9' }),
      ]);
    await startWithA(missing);
    expect(await lab.owners(OTHER)).toEqual([]);
  });

  it('is no dispute with a foreign virtual router of the same number, which keeps its address as we keep ours', async () => {
    const foreign = '10.90.0.240';
    const folder = await mkdtemp(join(tmpdir(), 'sluice-foreign-'));
    const file = join(folder, 'keepalived.conf');
    await writeFile(
      file,
      `global_defs {\n vrrp_version 3\n}\nvrrp_instance x {\n state BACKUP\n interface eth0\n virtual_router_id 101\n priority 254\n advert_int 0.05\n virtual_ipaddress {\n ${foreign}/32 dev eth0\n }\n}\n`,
    );
    await startWithA();
    const pids = ['-p', join(folder, 'pid'), '-r', join(folder, 'vrrp.pid')];
    const command = ['keepalived', '-n', '-P', '-l', ...pids, '-f', file];
    const child = spawn('nsenter', [`--net=${lab.network.file('lbc')}`, ...command], { stdio: 'ignore' });
    const has = async (): Promise<boolean> =>
      (await lab.network.command('lbc', ['ip', '-o', 'address', 'show'])).includes(` ${foreign}/`);
    try {
      await vi.waitFor(async () => expect(await has()).toBe(true), { timeout: 5_000 });
      const answers = await lab.ask(VIP, () => pause(300), 300);
      expect(new Set(answers.map(({ node }) => node))).toEqual(new Set(['node-a']));
      expect([await has(), await lab.owners(VIP)]).toEqual([true, ['node-a']]);
    } finally {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true });
    }
  });

  it('is not doubled by a second one when its pid files are lost', async () => {
    await startWithA();
    const pid = await lab.keepalivedPid('node-a');
    for (const file of ['keepalived.pid', 'vrrp.pid']) await rm(join(lab.folderOf('node-a'), file));
    const successor = lab.successorOf('node-a');
    await successor.apply(one('node-a', 0), new AbortController().signal);
    expect(await lab.keepalivedPids('node-a')).toHaveLength(2);
    expect(await lab.keepalivedPids('node-a')).toContain(pid);
    // It is still looked after: what goes out of the plan goes.
    await lab.apply(() => planOf([]), ['node-a']);
    expect(await lab.keepalivedPids('node-a')).toEqual([]);
    expect(await lab.has('node-a', VIP)).toBe(false);
  });
});

describe('on a network without IPv4', () => {
  it('addresses are had by one node, and taken over from it', async () => {
    const six = (_: NodeName, index: number) =>
      planOf([router('r1', 101, [VIP6, VIP], { priority: 200 - 50 * index, carrier: 6 })]);
    for (const node of NODES) await lab.network.command(node, ['ip', '-4', 'address', 'flush', 'dev', 'eth0']);
    try {
      await startWithA(six);
      expect([await lab.owners(VIP6), await lab.owners(VIP)]).toEqual([['node-a'], ['node-a']]);
      const answers = await lab.ask(VIP6, async () => {
        await lab.apply((node, index) => ({ ...six(node, index), isNodeEligible: false }), ['node-a']);
        await ownedBy('node-b', VIP6);
      });
      expect(answers.at(-1)?.node).toBe('node-b');
    } finally {
      await lab.apply(() => planOf([]));
      for (const node of NODES)
        await lab.network.command(node, ['ip', 'address', 'add', `${addressOf(node, 'IPv4')}/24`, 'dev', 'eth0']);
    }
  });
});

describe('a configuration that keepalived refuses', () => {
  it('changes nothing, and is a Fault', async () => {
    await startWithA();
    const twice = planOf([router('r1', 101, [VIP]), router('r2', 101, [OTHER])]);
    await expect(lab.plane('node-a').apply(twice, new AbortController().signal)).rejects.toMatchObject({
      code: 'keepalived-refused',
    });
    expect(await lab.owners(VIP)).toEqual(['node-a']);
  });
});

describe('an address that somebody else on the network has', () => {
  const mine = planOf([router('r1', 101, [VIP, VIP6]), router('r2', 102, [OTHER])]);
  const { signal } = new AbortController();

  /** What another machine has to do with an address, be it a node that runs nothing of ours. */
  async function other(verb: 'add' | 'del', address: string): Promise<void> {
    const isIpv6 = address.includes(':');
    const rest = isIpv6 && verb === 'add' ? ['nodad'] : [];
    const text = `${address}/${isIpv6 ? '128' : '32'}`;
    await lab.network.command('node-c', ['ip', 'address', verb, text, 'dev', 'eth0', ...rest]);
  }

  async function hardwareAddress(): Promise<string> {
    const shown = await lab.network.command('node-c', ['ip', '-o', 'link', 'show', 'dev', 'eth0']);
    return / link\/ether (\S+)/.exec(shown)?.[1] ?? '';
  }

  it('is left alone where it was there first, and kept where it comes later', async () => {
    const { plane, owners } = lab.listenerOn('node-a');
    const expected = [{ address: VIP, interface: 'eth0', hardwareAddress: await hardwareAddress() }];
    await other('add', VIP);
    await plane.apply(mine, signal);
    await vi.waitFor(async () => expect(await lab.has('node-a', OTHER)).toBe(true), 5_000);
    expect([await lab.has('node-a', VIP), owners]).toEqual([false, [expected]]);
    await other('del', VIP);
    await vi.waitFor(
      async () => {
        await plane.apply(mine, signal);
        expect(await lab.has('node-a', VIP)).toBe(true);
      },
      { timeout: 30_000, interval: 1_000 },
    );
    await vi.waitFor(() => expect(owners).toEqual([expected, []]), { timeout: 20_000, interval: 100 });
    await other('add', VIP);
    await vi.waitFor(() => expect(owners).toEqual([expected, [], expected]), { timeout: 25_000, interval: 100 });
    expect(await lab.has('node-a', VIP)).toBe(true);
    await other('del', VIP);
    await plane.withdraw();
    await plane.release();
  });

  it('is left alone by IPv6 too', async () => {
    const { plane, owners } = lab.listenerOn('node-a');
    await other('add', VIP6);
    await plane.apply(mine, signal);
    await vi.waitFor(async () => expect(await lab.has('node-a', VIP)).toBe(true), 5_000);
    const owner = { address: VIP6, interface: 'eth0', hardwareAddress: await hardwareAddress() };
    expect([await lab.has('node-a', VIP6), owners]).toEqual([false, [[owner]]]);
    await other('del', VIP6);
    await plane.withdraw();
    await plane.release();
  });

  it('is no matter where a node of ours has it', async () => {
    await lab.apply(() => mine, ['node-b']);
    await vi.waitFor(async () => expect(await lab.has('node-b', VIP)).toBe(true), 5_000);
    const { plane, owners } = lab.listenerOn('node-a');
    await plane.apply(mine, signal);
    await lab.plane('node-b').apply(planOf([]), signal);
    await vi.waitFor(async () => expect(await lab.has('node-a', VIP)).toBe(true), 5_000);
    expect(owners).toEqual([]);
    await plane.withdraw();
    await plane.release();
  });
});

describe('a virtual router that somebody else on the network uses', () => {
  /** A keepalived that is none of ours, as a router of the network may have one, with another address. */
  async function startForeign(id: number): Promise<{ readonly folder: string; readonly end: () => Promise<void> }> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-foreign-'));
    const text = `global_defs {\n vrrp_version 3\n}\nvrrp_instance foreign {\n state BACKUP\n interface eth0\n virtual_router_id ${String(id)}\n priority 10\n advert_int 0.5\n virtual_ipaddress {\n 10.90.0.240/32\n }\n}\n`;
    await writeFile(join(folder, 'keepalived.conf'), text);
    const [pid, vrrp] = ['keepalived.pid', 'vrrp.pid'].map((name) => join(folder, name));
    await lab.network.command('node-c', [
      'keepalived',
      '-P',
      '-p',
      pid ?? '',
      '-r',
      vrrp ?? '',
      '-f',
      join(folder, 'keepalived.conf'),
    ]);
    const end = async (): Promise<void> => {
      signalProcess(Number(await readFile(pid ?? '', 'utf8')), 'SIGTERM');
      await vi.waitFor(async () => expect(await lab.has('node-c', '10.90.0.240')).toBe(false), 5_000);
      await rm(folder, { recursive: true });
    };
    await vi.waitFor(async () => expect(await lab.has('node-c', '10.90.0.240')).toBe(true), 5_000);
    return { folder, end };
  }

  it('is left alone and reported, and is used when the other one has gone', async () => {
    const { plane, foreign } = lab.listenerOn('node-a');
    const other = await startForeign(101);
    const both = planOf([router('r1', 101, [VIP]), router('r2', 102, [OTHER])]);
    const { signal } = new AbortController();
    try {
      await plane.apply(both, signal);
      await vi.waitFor(async () => expect(await lab.has('node-a', OTHER)).toBe(true), 5_000);
      expect(await lab.has('node-a', VIP)).toBe(false);
      // Of one that yields to us we would have taken its address.
      expect(await lab.has('node-c', '10.90.0.240')).toBe(true);
      expect(foreign.at(-1)).toMatchObject([{ id: 101, interface: 'eth0' }]);
    } finally {
      await other.end();
    }
    await vi.waitFor(
      async () => {
        await plane.apply(both, signal);
        expect(await lab.has('node-a', VIP)).toBe(true);
      },
      { timeout: 20_000, interval: 1_000 },
    );
    expect(foreign.at(-1)).toEqual([]);
    await plane.release();
  });
});
