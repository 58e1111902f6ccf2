/**
 * How long a client gets no answer from an address while its node dies, hangs, is cut off or is drained, measured in network namespaces
 * with real keepalived: `make drill`. The number of trials and of addresses may be given: `node test/drill/failover.ts 50 1000`.
 */
import { planOf, router, VipLab, longestGapMs, pause } from '../netns/announce/vip-lab.ts';
import type { NodeName } from '../netns/topology.ts';

const [trials = 20, count = 1] = process.argv.slice(2).map(Number);
/** Those of the segment that are no machine's, then others, of which nobody asks any. */
const addresses = Array.from({ length: count }, (_, index) =>
  index < 200 ? `10.90.0.${String(index + 32)}` : `10.91.${String(index >> 8)}.${String(index & 255)}`,
).filter((address) => address !== '10.90.0.100' && address !== '10.90.0.101');
const [vip = ''] = addresses;

interface Event {
  readonly name: string;
  readonly happen: (lab: VipLab) => Promise<void>;
  readonly repair: (lab: VipLab) => Promise<void>;
}

const plan = (_: NodeName, index: number) => planOf([router('r1', 101, addresses, { priority: 200 - 50 * index })]);

async function pidsOf(lab: VipLab): Promise<readonly number[]> {
  return [await lab.vrrpPid('node-a'), await lab.keepalivedPid('node-a')];
}

async function signal(lab: VipLab, ...signals: readonly NodeJS.Signals[]): Promise<void> {
  const pids = await pidsOf(lab);
  for (const each of signals) for (const pid of pids) process.kill(pid, each);
}

const inLan = async (lab: VipLab, ...words: readonly string[]): Promise<void> =>
  void (await lab.network.command('lan', ['ip', 'link', 'set', 'node-a', ...words]));

const EVENTS: readonly Event[] = [
  {
    name: 'cut off behind the switch',
    happen: (lab) => inLan(lab, 'nomaster'),
    repair: (lab) => inLan(lab, 'master', 'br0'),
  },
  { name: 'cable pulled', happen: (lab) => inLan(lab, 'down'), repair: (lab) => inLan(lab, 'up') },
  {
    name: 'keepalived killed',
    happen: (lab) => signal(lab, 'SIGSTOP', 'SIGKILL'),
    repair: () => Promise.resolve(),
  },
  {
    name: 'drained',
    happen: async (lab) => {
      await lab.apply((node, index) => ({ ...plan(node, index), isNodeEligible: false }), ['node-a']);
    },
    repair: (lab) => lab.apply(plan, ['node-a']),
  },
];

async function main(): Promise<void> {
  process.stdout.write(`${String(trials)} trials, ${String(addresses.length)} addresses, advertisements every 50 ms\n`);
  process.stdout.write('| What happens to the node | p50 | p99 | longest gap |\n| --- | --- | --- | --- |\n');
  for (const event of EVENTS) {
    const gaps: number[] = [];
    for (let trial = 0; trial < trials; trial += 1) gaps.push(await gapOf(event));
    gaps.sort((a, b) => a - b);
    const at = (share: number): string =>
      `${(gaps[Math.min(gaps.length - 1, Math.floor(share * gaps.length))] ?? 0).toFixed(0)} ms`;
    process.stdout.write(`| ${event.name} | ${at(0.5)} | ${at(0.99)} | ${at(1)} |\n`);
  }
}

async function gapOf(event: Event): Promise<number> {
  const lab = await VipLab.create();
  try {
    await lab.apply(plan, ['node-a']);
    while ((await lab.owners(vip)).join() !== 'node-a') await pause(20);
    await lab.apply(plan, ['node-b', 'node-c']);
    await pause(400);
    const answers = await lab.ask(vip, () => event.happen(lab), 800);
    await event.repair(lab);
    return longestGapMs(answers);
  } finally {
    await lab.remove();
  }
}

await main();
