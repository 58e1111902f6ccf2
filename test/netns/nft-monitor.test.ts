import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Logger } from '../../src/lib/logger.ts';
import { signalProcess } from '../../src/lib/signal-process.ts';
import { NftMonitor } from '../../src/planes/l4/kernel/nft-monitor.ts';
import { Nft } from '../../src/planes/l4/kernel/nft.ts';
import { printCommands } from '../../src/planes/l4/rules/command.ts';
import { anchorsIn, type Anchor } from '../../src/planes/l4/rules/anchors.ts';
import { renderAll } from '../../src/planes/l4/rules/transaction.ts';
import { kernelPlanOf } from '../golden/kernel-plan.ts';
import { NFT_PROGRAMS } from './nft-programs.ts';
import { nft as otherNft, run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

const ours = `
table ip sluice {
  map services { typeof ip daddr . meta l4proto . th dport : verdict; }
  chain services {
    ip daddr . meta l4proto . th dport vmap @services
  }
  chain prerouting {
    type nat hook prerouting priority -100
    jump services
  }
}
table ip6 sluice-affinity {
  chain remember { }
  chain postrouting {
    type nat hook postrouting priority 90
    jump remember
  }
}`;

const anchors: readonly Anchor[] = [
  { kind: 'chain', family: 4, table: 'sluice', name: 'services' },
  { kind: 'map', family: 4, table: 'sluice', name: 'services' },
  { kind: 'chain', family: 6, table: 'sluice-affinity', name: 'remember' },
];

const element = (index: number): string =>
  `10.${String(index >> 16)}.${String((index >> 8) & 255)}.${String(index & 255)} . tcp . 80`;

let folder: string;
let nft: Nft;
let reasons: string[];
let notes: string[];
let generation: number | undefined;
let elements: number;
let stop: AbortController;
let done: Promise<void>;

describe.for(NFT_PROGRAMS)('$name', ({ path }) => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-monitor-test-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  beforeEach(async () => {
    nft = await Nft.open(folder, path);
    await nft.apply(ours);
    await nft.apply(`add element ip sluice services { ${element(1)} : drop, ${element(2)} : drop }`);
    reasons = [];
    notes = [];
    generation = 1;
    elements = 2;
    stop = new AbortController();
  });
  afterEach(async () => {
    stop.abort();
    await done;
    nft.close();
  });

  function start(looked: readonly Anchor[] = anchors, lookIntervalMs?: number): void {
    const logger: Logger = {
      debug: (message) => void notes.push(message),
      info: (message) => void notes.push(message),
      warn: (message) => void notes.push(message),
      error: (message) => void notes.push(message),
      with: () => logger,
    };
    const monitor = new NftMonitor({
      nft,
      logger,
      anchors: () => looked,
      generation: () => generation,
      elements: () => elements,
      onForeign: (reason) => reasons.push(reason),
      ...(lookIntervalMs === undefined ? {} : { lookIntervalMs }),
    });
    done = monitor.run(stop.signal);
  }

  /** The process of `nft monitor` among the children of this one. */
  function follower(): number | undefined {
    const children = run('sh', ['-c', `cat /proc/${String(process.pid)}/task/*/children`])
      .trim()
      .split(/\s+/);
    const found = children.find(
      (pid) => run('sh', ['-c', `tr '\\0' ' ' </proc/${pid}/cmdline || true`]) === 'nft monitor ',
    );
    return found === undefined ? undefined : Number(found);
  }

  /** Waits until the monitor tells what happens to a table that looks like ours. */
  async function started(): Promise<number> {
    await vi.waitFor(
      () => {
        otherNft('add table ip6 sluice; delete table ip6 sluice');
        expect(reasons).not.toEqual([]);
      },
      { timeout: 10_000, interval: 50 },
    );
    // Its words about further tries may still be on their way.
    await sleep(200);
    reasons.length = 0;
    const pid = follower();
    if (pid === undefined) throw new Error('nobody follows');
    return pid;
  }

  const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 20 });

  test('has nothing to say when it is ended before it has begun', async () => {
    stop.abort();
    start();
    await done;
    expect(notes).toEqual([]);
  });

  describe('tells what another program changed, and which it was', () => {
    test.for([
      ['flush ruleset', 'delete '],
      ['delete table ip sluice', 'delete '],
      ['flush table ip sluice', 'delete rule ip sluice '],
      ['flush chain ip6 sluice-affinity postrouting', 'delete rule ip6 sluice-affinity postrouting '],
      [
        `delete element ip sluice services { ${element(1)} }`,
        `delete element ip sluice services { ${element(1)} : drop }`,
      ],
      [
        `add element ip sluice services { ${element(3)} : drop }`,
        `add element ip sluice services { ${element(3)} : drop }`,
      ],
      ['add rule ip sluice prerouting jump services', 'add rule ip sluice prerouting jump services'],
    ] as const)('%s', async ([command, what]) => {
      start();
      await started();
      otherNft(command);
      await until(() => expect(reasons).toHaveLength(1));
      expect(reasons[0]).toContain(`"${what}`);
      expect(reasons[0]).toMatch(/^"(?:delete|add) .*" by process \d+ \(nft\)$/);
    });
  });

  test('what we do ourselves, and what others do to their own, is no news', async () => {
    start();
    await started();
    await nft.apply(`delete element ip sluice services { ${element(1)} }`);
    await nft.apply(`delete table ip sluice\n${ours}\nadd element ip sluice services { ${element(2)} : drop }`);
    otherNft('add table ip foreign; delete table ip foreign');
    otherNft(`delete element ip sluice services { ${element(2)} }`);
    await until(() => expect(reasons).toHaveLength(1));
    expect(reasons[0]).toContain(element(2));
  });

  describe('what happened while nothing followed is found when it is followed again', () => {
    test.for([
      ['flush chain ip sluice prerouting', 'chain ip sluice services is there, but the rules that use it are gone'],
      ['flush chain ip sluice services', 'map ip sluice services is there, but the rules that use it are gone'],
      ['delete table ip6 sluice-affinity', 'chain ip6 sluice-affinity remember is gone'],
    ] as const)('%s', async ([command, reason]) => {
      start();
      const pid = await started();
      signalProcess(pid, 'SIGSTOP');
      otherNft(command);
      signalProcess(pid, 'SIGKILL');
      // Once when its end is noticed, and once more when it is followed again: nobody has repaired it here.
      await until(() => {
        expect(reasons.length).toBeGreaterThan(1);
        expect(new Set(reasons)).toEqual(new Set([reason]));
        expect(follower()).toBeDefined();
      });
    });

    test('unless nothing of ours should be there', async () => {
      start();
      const pid = await started();
      generation = undefined;
      signalProcess(pid, 'SIGSTOP');
      otherNft('flush ruleset');
      signalProcess(pid, 'SIGKILL');
      await until(() => expect(follower()).not.toBe(pid));
      await started();
      expect(reasons).toEqual([]);
    });
  });

  describe('what happened between the first program and the first news is found', () => {
    test.for([
      ['delete table ip sluice', 'chain ip sluice services is gone'],
      ['flush chain ip sluice services', 'map ip sluice services is there, but the rules that use it are gone'],
    ] as const)('%s', async ([command, reason]) => {
      otherNft(command);
      start();
      await until(() => expect(reasons).toEqual([reason]));
    });
  });

  test('what is lost without a word is found by a look', async () => {
    start(anchors, 50);
    const pid = await started();
    signalProcess(pid, 'SIGSTOP');
    otherNft('delete table ip sluice');
    await until(() => expect(reasons).toContain('chain ip sluice services is gone'));
    expect(follower()).toBe(pid);
  });

  describe('with more elements than can be followed, it looks from time to time', () => {
    const rest = 'changes are not followed; the tables are looked at every two seconds';
    const note = `too many elements: ${rest}`;

    test('where that is known', async () => {
      elements = 20_001;
      start();
      await until(() => expect(notes).toContain(note));
      expect(follower()).toBeUndefined();
      otherNft('flush ruleset');
      await until(() => expect(reasons).toContain('chain ip sluice services is gone'));
    });

    test('where nft runs out of memory', async () => {
      for (let from = 0; from < 100_000; from += 20_000) {
        const some = Array.from({ length: 20_000 }, (_, index) => `${element(from + index)} : drop`);
        await nft.apply(`add element ip sluice services { ${some.join(', ')} }`);
      }
      start();
      await until(() => expect(notes).toContain(`nft monitor takes more memory than it may: ${rest}`));
      expect(reasons).toEqual([]);
      otherNft('flush ruleset');
      await until(() => expect(reasons).toContain('chain ip sluice services is gone'));
    });

    test('where nft does not come to an end of reading them, as while they change again and again', async () => {
      const some = Array.from({ length: 20_000 }, (_, index) => `${element(index)} : drop`);
      await nft.apply(`add element ip sluice services { ${some.join(', ')} }`);
      start();
      await until(() => expect(follower()).toBeDefined());
      signalProcess(follower() ?? 0, 'SIGSTOP');
      await until(() =>
        expect(notes).toContain(`nft monitor has not come to read all elements within ten seconds: ${rest}`),
      );
      expect(follower()).toBeUndefined();
      expect(reasons).toEqual([]);
    });
  });

  describe('a copy that was saved, and brought back, looks the same and is noticed', () => {
    const plan = kernelPlanOf(
      readFileSync(join(import.meta.dirname, '..', 'golden-kernel', 'cluster-ip', 'in.yaml'), 'utf8'),
    );

    test.for(['text', 'JSON'] as const)('%s', async (form) => {
      const replace = (): Promise<void> => nft.apply(printCommands(renderAll(plan, 'keep').commands));
      await replace();
      elements = 20_001;
      start(anchorsIn());
      await until(() => expect(notes).not.toEqual([]));
      // What we make anew ourselves is no copy.
      generation = undefined;
      await replace();
      generation = 2;
      await sleep(5000);
      expect(reasons).toEqual([]);
      const options = form === 'JSON' ? ['-j'] : [];
      // Not all that nft 1.0.6 lists can it read.
      const writer = NFT_PROGRAMS.find(({ name }) => name.includes('1.1'))?.path ?? path;
      const saved = run(writer, [...options, 'list', 'ruleset']);
      otherNft('flush ruleset');
      const file = join(folder, 'saved');
      await writeFile(file, saved);
      run(writer, [...options, '-f', file]);
      await until(() => expect(reasons).toContain('chain ip sluice services is a copy that another program made'));
    });
  });

  test('goes on after changes of ranges, with which nft 1.0.6 crashes', async () => {
    start();
    await started();
    await nft.apply(
      'add set ip sluice ranges { typeof ip daddr . meta l4proto . th dport . ip saddr; flags interval; }',
    );
    for (const host of [1, 2, 3]) await nft.apply(`add element ip sluice ranges { ${element(host)} . 203.0.113.0/24 }`);
    await started();
    expect(notes).not.toEqual(expect.arrayContaining([expect.stringContaining('are not followed')]));
    otherNft('flush ruleset');
    await until(() => expect(reasons).not.toEqual([]));
  });
});
