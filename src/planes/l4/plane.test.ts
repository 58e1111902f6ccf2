import { beforeEach, expect, it, vi } from 'vitest';
import { NftInMemory } from '../../../test/fakes/nft/nft-in-memory.ts';
import { frontendOf, NODE_PLAN, planOf, target } from '../../../test/l4/objects.ts';
import { MACHINE } from '../../../test/l4/packets.ts';
import { fateText, trace } from '../../../test/fakes/nft/trace.ts';
import { ip } from '../../../test/l4/snapshot-steps.ts';
import type { L4Plan, ServicePlan } from '../../compile/l4/l4-plan.ts';
import { Fault } from '../../lib/fault.ts';
import { silentLogger } from '../../lib/logger.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { FlowPath } from './kernel/conntrack.ts';
import { L4Plane } from './plane.ts';

const never = new AbortController().signal;

/** Flows of which a listing takes as long as it is told to. */
class SlowFlows {
  readonly flows = new Set<FlowPath>();
  trouble: Fault | undefined;
  #isHeld = Promise.resolve();
  release = (): void => undefined;

  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#isHeld = promise;
    this.release = resolve;
  }

  async list(protocol: FlowPath['protocol']): Promise<readonly (FlowPath & { source: string; sourcePort: number })[]> {
    await this.#isHeld;
    if (this.trouble !== undefined) throw this.trouble;
    return [...this.flows].flatMap((flow) =>
      flow.protocol === protocol ? [{ ...flow, source: '', sourcePort: 1 }] : [],
    );
  }

  async delete(paths: Iterable<FlowPath>): Promise<void> {
    await this.#isHeld;
    const gone = new Set([...paths].map(textOf));
    for (const flow of this.flows) if (gone.has(textOf(flow))) this.flows.delete(flow);
  }
}

function textOf({ destination, destinationPort, replySource, replySourcePort }: FlowPath): string {
  return [destination, destinationPort, replySource, replySourcePort].join(' ');
}

/** Remembers what it applied, and how many Services each transaction left. */
class RecordingNft extends NftInMemory {
  readonly served: number[] = [];
  onApplied: () => void = () => undefined;
  isBlind = false;
  /** What is said in place of a transaction that it answers for. */
  instead: (transaction: string) => Fault | undefined = () => undefined;

  override async apply(transaction: string): Promise<void> {
    const fault = this.instead(transaction);
    if (fault !== undefined) throw fault;
    await super.apply(transaction);
    this.served.push(this.kernel.tables.get('ip sluice')?.sets.get('services')?.elements.size ?? 0);
    this.onApplied();
  }

  override async listJson(words: readonly string[]): Promise<unknown> {
    if (this.isBlind) throw new Fault('nft-list', 'nft cannot list');
    return super.listJson(words);
  }

  chains(): readonly string[] {
    return [...(this.kernel.tables.get('ip sluice')?.chains.keys() ?? [])];
  }
}

let nft: RecordingNft;
let flows: SlowFlows;
let refused: string[];
let plane: L4Plane;

function newPlane(leastInPieces?: number): L4Plane {
  return new L4Plane({
    nft,
    ...(leastInPieces === undefined ? {} : { leastInPieces }),
    conntrack: flows,
    logger: silentLogger,
    onProgrammed: () => Promise.resolve(),
    onRefused: ({ name }) => refused.push(name),
  });
}

beforeEach(() => {
  nft = new RecordingNft();
  flows = new SlowFlows();
  refused = [];
  plane = newPlane();
});

function service(number: number, given: Parameters<typeof planOf>[0] = {}): ServicePlan {
  const frontends = [
    frontendOf({ address: ip(`10.0.${String(Math.floor(number / 250))}.${String(1 + (number % 250))}`) }),
  ];
  return { ...planOf({ frontends, cluster: [target('10.244.0.1:80')], ...given }), name: `s${String(number)}` };
}

function planWith(...services: readonly ServicePlan[]): L4Plan {
  return {
    services: PersistentMap.from(services.map((item) => [`ns/${item.name}`, item] as const)),
    hairpins: PersistentMap.empty(),
    balancerIps: PersistentMap.empty(),
    announcedIps: PersistentMap.empty(),
    node: NODE_PLAN,
  };
}

const VIA_FIRST: FlowPath = {
  protocol: 'udp',
  destination: '10.0.0.9',
  destinationPort: 53,
  replySource: '10.244.0.1',
  replySourcePort: 53,
};

function dns(...serving: readonly string[]): ServicePlan {
  const frontends = [frontendOf({ address: ip('10.0.0.9'), port: 53 })];
  const endpoints = serving.map((address) => target(`${address}:53`));
  return { ...planOf({ protocol: 'UDP', frontends, cluster: endpoints, serving: endpoints }), name: 'dns' };
}

it('programs a Service while conntrack goes through the flows of another one', async () => {
  await plane.apply(planWith(dns('10.244.0.1')), never);
  flows.hold();
  flows.flows.add(VIA_FIRST);
  await plane.apply(planWith(dns('10.244.0.2')), never);
  await plane.apply(planWith(dns('10.244.0.2'), service(1)), never);
  expect(nft.served.at(-1)).toBe(2);
  expect(flows.flows.size).toBe(1);
  flows.release();
  await vi.waitFor(() => expect(flows.flows.size).toBe(0));
  await plane.release();
});

it('asks conntrack again after it failed, and programs on meanwhile', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    await plane.apply(planWith(dns('10.244.0.1')), never);
    flows.trouble = new Fault('conntrack-failed', 'conntrack fails');
    flows.flows.add(VIA_FIRST);
    await plane.apply(planWith(dns('10.244.0.2')), never);
    await plane.apply(planWith(dns('10.244.0.2'), service(1)), never);
    expect(nft.served.at(-1)).toBe(2);
    flows.trouble = undefined;
    vi.useRealTimers();
  } finally {
    vi.useRealTimers();
  }
  await vi.waitFor(() => expect(flows.flows.size).toBe(0), { timeout: 20_000 });
  await plane.release();
});

it('makes nothing anew because nft cannot list what it remembers of clients', async () => {
  const sticky = (...endpoints: readonly string[]): ServicePlan =>
    service(1, { cluster: endpoints.map(target), affinityTimeoutS: 60 });
  nft.isBlind = true;
  await plane.apply(planWith(sticky('10.244.0.1:80', '10.244.0.2:80')), never);
  expect(plane.programmed).toBeDefined();
  const replacements = nft.served.length;
  await plane.apply(planWith(sticky('10.244.0.1:80')), never);
  expect(plane.programmed).toBeDefined();
  // The chain of one endpoint, the change, and before and after these that the clients are forgotten.
  expect(nft.served.length - replacements).toBe(4);
  await plane.release();
});

it('a start leaves what serves in place until it is replaced without the Service that the kernel refuses', async () => {
  const good = Array.from({ length: 40 }, (_, index) => service(index));
  await plane.apply(planWith(...good), never);
  await plane.release();
  nft.served.length = 0;
  plane = newPlane();
  await plane.apply(planWith(...good, service(40, { cluster: [target('10.244.0.1:99999')] })), never);
  expect(refused).toEqual(['s40']);
  expect(plane.refused.map(({ reason, object }) => `${reason} ${object.name}`)).toEqual(['RefusedByKernel s40']);
  expect(Math.min(...nft.served)).toBeGreaterThan(30);
  expect(nft.served.at(-1)).toBe(40);
  await plane.release();
});

/** What becomes of a packet to a port of 10.0.0.1 that no Service has. */
function unused(): string[] {
  const packet = {
    from: 'pod',
    interface: 'cni0',
    source: '10.244.0.4',
    destination: '10.0.0.1',
    port: 81,
    protocol: 'tcp',
  } as const;
  return trace(nft.kernel, MACHINE, packet).map(({ fate }) => fateText(fate));
}

it('refuses nothing while the tables are replaced, and refuses again where the kernel does not take the new ones', async () => {
  const good = { ...service(0), clusterIps: [ip('10.0.0.1')] };
  await plane.apply(planWith(good), never);
  expect(unused()).toEqual(['refused']);
  plane.disturb('a test');
  const fates: string[] = [];
  nft.onApplied = () => fates.push(...unused());
  await plane.apply(planWith(good), never);
  expect(fates).toEqual(['dropped', 'refused']);
  plane.disturb('a test');
  fates.length = 0;
  await plane.apply(planWith(good, service(40, { cluster: [target('10.244.0.1:99999')] })), never);
  // What is refused is left out: then once more in the place of what there is.
  expect(fates).toEqual(['dropped', 'refused', 'dropped', 'refused']);
  await plane.release();
});

it.each(['nft-gone', 'kernel-memory'])('refuses again when a replacement fails by %s', async (code) => {
  await plane.apply(planWith({ ...service(0), clusterIps: [ip('10.0.0.1')] }), never);
  plane.disturb('a test');
  nft.instead = (transaction) => (transaction.includes('delete table') ? new Fault(code, 'a test') : undefined);
  await expect(plane.apply(planWith(service(1)), never)).rejects.toMatchObject({ code });
  expect(unused()).toEqual(['refused']);
  await plane.release();
});

it('blames no Service when the kernel is short of memory, keeps what serves, and goes on with the rest', async () => {
  await plane.apply(planWith(service(0)), never);
  const made = nft.served.length;
  nft.instead = (transaction) =>
    // As where a transaction with one of them is too much: 10.0.0.3 is that of the Service 2.
    transaction.includes('10.0.0.3') ? new Fault('kernel-memory', 'nft: Cannot allocate memory') : undefined;
  const want = planWith(service(0), service(1), service(2), service(3));
  await expect(plane.apply(want, never)).rejects.toMatchObject({ code: 'kernel-memory' });
  expect([...(plane.programmed?.services.keys() ?? [])].toSorted()).toEqual(['ns/s0', 'ns/s1', 'ns/s3']);
  expect([refused, plane.refused]).toEqual([[], []]);
  nft.instead = () => undefined;
  await plane.apply(want, never);
  expect(nft.served.at(-1)).toBe(4);
  // At no time had our tables to be made as a whole, which takes most memory of all.
  expect(Math.min(...nft.served.slice(made))).toBeGreaterThanOrEqual(1);
  expect(plane.generation).toBe(1);
  await plane.release();
});

it('leaves no part of a second table where there is no memory for all of it', async () => {
  const pieced = newPlane(0);
  await pieced.apply(planWith(...Array.from({ length: 40 }, (_, number) => service(number))), never);
  pieced.disturb('a test');
  const serving = [...nft.kernel.tables.keys()];
  nft.instead = (transaction) =>
    transaction.startsWith('add element') ? new Fault('kernel-memory', 'nft: Cannot allocate memory') : undefined;
  await expect(pieced.apply(planWith(service(1)), never)).rejects.toMatchObject({ code: 'kernel-memory' });
  expect([...nft.kernel.tables.keys()]).toEqual(serving);
  await pieced.release();
});

it('deletes the chain of a number of endpoints once no Service has so many', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const [two, three] = [
      ['10.244.0.1:80', '10.244.0.2:80'],
      ['10.244.0.1:80', '10.244.0.2:80', '10.244.0.3:80'],
    ];
    await plane.apply(
      planWith(service(1, { cluster: three.map(target) }), service(2, { cluster: three.map(target) })),
      never,
    );
    await plane.apply(
      planWith(service(1, { cluster: two.map(target) }), service(2, { cluster: three.map(target) })),
      never,
    );
    await vi.advanceTimersByTimeAsync(10_000);
    expect(nft.chains()).toEqual(expect.arrayContaining(['cluster-2', 'cluster-3']));
    await plane.apply(
      planWith(service(1, { cluster: two.map(target) }), service(2, { cluster: two.map(target) })),
      never,
    );
    await vi.advanceTimersByTimeAsync(10_000);
    expect(nft.chains()).not.toContain('cluster-3');
    // And makes it again.
    await plane.apply(planWith(service(1, { cluster: three.map(target) })), never);
    expect(nft.chains()).toContain('cluster-3');
  } finally {
    vi.useRealTimers();
  }
  await plane.release();
});
