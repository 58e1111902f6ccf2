import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
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
    for (const signal of ['SIGSTOP', 'SIGKILL'] as const) for (const pid of pids) process.kill(pid, signal);
    await vi.waitFor(async () => expect(await lab.owners(VIP)).toContain('node-b'));
    expect(await lab.owners(VIP)).toContain('node-a');
    await lab.apply((_, index) => planOf([router('r2', 103, [OTHER], { priority: 200 - 50 * index })]));
    await vi.waitFor(async () => expect(await lab.owners(VIP)).toEqual([]), { timeout: 5_000 });
  });

  it("are one node's again when a keepalived that was killed, or hangs, is noticed", async () => {
    await startWithA();
    const reasons: string[] = [];
    lab.plane('node-a').onDisturbed((reason) => reasons.push(reason));
    process.kill(await lab.keepalivedPid('node-a'), 'SIGSTOP');
    process.kill(await lab.vrrpPid('node-a'), 'SIGSTOP');
    await vi.waitFor(() => expect(reasons).toContain('keepalived is halted'), { timeout: 5_000 });
    await lab.apply(one, ['node-a']);
    await vi.waitFor(async () => expect((await lab.owners(VIP)).length).toBe(1), { timeout: 5_000 });
  });
});

describe('what keepalived does wrong by itself', () => {
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
