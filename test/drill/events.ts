import { setTimeout as pause } from 'node:timers/promises';
import { signalProcess } from '../../src/lib/signal-process.ts';
import { NODES, type NodeName } from '../netns/topology.ts';
import type { AddressChange } from './address-monitor.ts';
import { longestGapMs, longestStallMs } from './asking.ts';
import { VIP, type DrillLab } from './drill-lab.ts';

/** What happens to the node that answers, how it is made whole again, and the goals for a client of it. */
export interface DrillEvent {
  readonly name: string;
  /** Resolves with when it happened, in milliseconds since 1970, where that is later than its beginning. */
  readonly happen: (lab: DrillLab, node: NodeName) => Promise<number | void>;
  readonly repair: (lab: DrillLab, node: NodeName) => Promise<void>;
  /** The longest gap that is good enough, at p99, in milliseconds. */
  readonly goalMs: number;
  /** Planned: nobody who asks twice may fail. */
  readonly isPlanned: boolean;
}

/** What a trial measured, in milliseconds. */
export interface Trial {
  /** The longest time from one answered question to the next. */
  readonly gapMs: number;
  /** How many questions had no answer the second time either. */
  readonly failed: number;
  /** From the event until all addresses were had by another node; undefined where they were not to move. */
  readonly movedMs: number | undefined;
  /** From the event until no address was had by two; undefined where that is not what the event ends. */
  readonly singleMs: number | undefined;
  /** For how long the client itself did not come to ask. */
  readonly stallMs: number;
  /** Who answered last. */
  readonly lastNode: string;
}

const cable = async (lab: DrillLab, node: NodeName, ...words: readonly string[]): Promise<void> =>
  void (await lab.network.command('lan', ['ip', 'link', 'set', node, ...words]));

async function signalAll(lab: DrillLab, node: NodeName, signal: NodeJS.Signals): Promise<void> {
  for (const pid of await lab.pids(node)) signalProcess(pid, signal);
}

/** How long a network is divided before it heals. */
const PARTITION_MS = 1_500;

export const HEALED = 'a divided network heals';

export const EVENTS: readonly DrillEvent[] = [
  {
    name: 'killed, with all its processes',
    // Stopped first: of those that die one after the other the last would still act.
    happen: async (lab, node) => {
      await signalAll(lab, node, 'SIGSTOP');
      await signalAll(lab, node, 'SIGKILL');
    },
    repair: (lab, node) => Promise.resolve(lab.start(node)),
    goalMs: 250,
    isPlanned: false,
  },
  {
    name: 'frozen, all its processes',
    happen: (lab, node) => signalAll(lab, node, 'SIGSTOP'),
    repair: (lab, node) => signalAll(lab, node, 'SIGCONT'),
    goalMs: 250,
    isPlanned: false,
  },
  {
    name: 'its cable pulled',
    happen: (lab, node) => cable(lab, node, 'down'),
    repair: (lab, node) => cable(lab, node, 'up'),
    goalMs: 250,
    isPlanned: false,
  },
  {
    name: 'cut off behind the switch',
    happen: (lab, node) => cable(lab, node, 'nomaster'),
    repair: (lab, node) => cable(lab, node, 'master', 'br0'),
    goalMs: 250,
    isPlanned: false,
  },
  {
    name: HEALED,
    happen: async (lab, node) => {
      await cable(lab, node, 'nomaster');
      await pause(PARTITION_MS);
      const healedMs = Date.now();
      await cable(lab, node, 'master', 'br0');
      return healedMs;
    },
    repair: () => Promise.resolve(),
    goalMs: 250,
    isPlanned: false,
  },
  {
    name: 'drained',
    happen: (lab, node) => lab.setEligible(NODES.filter((other) => other !== node)),
    repair: (lab) => lab.setEligible(NODES),
    goalMs: 50,
    isPlanned: true,
  },
  {
    name: 'upgraded: Sluice and keepalived restarted',
    happen: async (lab, node) => {
      await lab.end(node, 'SIGTERM');
      const pid = await lab.keepalivedPid(node);
      const endedMs = Date.now();
      signalProcess(pid, 'SIGTERM');
      lab.start(node);
      return endedMs;
    },
    repair: () => Promise.resolve(),
    goalMs: 50,
    isPlanned: true,
  },
];

/** After the event, for the addresses to move and for what follows to show. */
const AFTERWARDS_MS = 2_000;

/** Has one node answer, lets the event happen to it, and measures. */
export async function tryOut(lab: DrillLab, event: DrillEvent, node: NodeName): Promise<Trial> {
  await lab.gatherOn(node);
  const monitor = await lab.follow();
  const asking = await lab.ask();
  await pause(200);
  const fromMs = Date.now();
  const happenedMs = (await event.happen(lab, node)) ?? fromMs;
  await pause(AFTERWARDS_MS);
  const changes = await monitor.stop();
  const questions = await asking.stop();
  await event.repair(lab, node);
  return {
    gapMs: longestGapMs(event.name === HEALED ? questionsSince(questions, happenedMs) : questions),
    failed: questions.filter(({ outcome }) => outcome === 'failed').length,
    movedMs: event.name === HEALED ? undefined : movedMs(changes, node, lab.count, happenedMs),
    stallMs: longestStallMs(questions),
    lastNode: questions.findLast(({ outcome }) => outcome !== 'failed')?.node ?? '',
    singleMs: event.name === HEALED ? singleMs(changes, node, happenedMs) : undefined,
  };
}

function questionsSince<T extends { readonly sentMs: number }>(questions: readonly T[], sinceMs: number): readonly T[] {
  // From the clock of the day to the monotonic one.
  const offsetMs = Date.now() - Number(process.hrtime.bigint()) / 1e6;
  return questions.filter(({ sentMs }) => sentMs + offsetMs >= sinceMs - 50);
}

/** Until the last of so many addresses came to another node; Infinity where one did not. */
function movedMs(changes: readonly AddressChange[], from: NodeName, count: number, eventMs: number): number {
  const first = new Map<string, number>();
  for (const { node, address, isGone, atMs } of changes)
    if (node !== from && !isGone && isOfService(address) && !first.has(address)) first.set(address, atMs);
  return first.size < count ? Infinity : Math.max(...first.values()) - eventMs;
}

/** Until the last address left one of the two nodes that had it; zero where none had to. */
function singleMs(changes: readonly AddressChange[], cutOff: NodeName, healedMs: number): number {
  const taken = new Set(changes.filter(({ node, isGone }) => node !== cutOff && !isGone).map(({ address }) => address));
  const left = changes.filter(({ address, isGone, atMs }) => isGone && taken.has(address) && atMs >= healedMs);
  if (!taken.has(VIP)) return Infinity;
  return left.length === 0 ? Infinity : Math.max(...left.map(({ atMs }) => atMs)) - healedMs;
}

function isOfService(address: string): boolean {
  return address === VIP || address.startsWith('10.91.');
}
