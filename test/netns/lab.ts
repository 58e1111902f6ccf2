import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { Agent } from './agent.ts';
import type { HttpReply, LoadReport, Reply, Target } from './agent/protocol.ts';
import { chosenDriver, type Driver, type DriverName } from './driver.ts';
import { KubeProxyDriver } from './kube-proxy-driver.ts';
import { Network } from './network.ts';
import { nodeObjects, ServiceFixture, type KubeObject } from './objects.ts';
import { SluiceDriver, type SluiceOptions } from './sluice-driver.ts';
import { addressesOf, NODES, PLACES, type Place, type PodNetwork } from './topology.ts';

export interface LabOptions extends SluiceOptions {
  /** Default: routed. */
  readonly pods?: PodNetwork;
}

/** A place on its port 8080, or on its port 9090. */
export type Answerer = Place | `${Place}:9090`;

/** Whom a set of connects may and must end at: all of these, and nobody else. Or that all of them fail in one way. */
export type Expected = readonly Answerer[] | 'refused' | 'silent';

export interface AskOptions {
  /** How many connects for each pair of client and target. Default: enough to meet everybody who is expected. */
  readonly count?: number;
  readonly localPort?: number;
  readonly payloadBytes?: number;
  readonly patienceMs?: number;
}

/** So many connects miss one of three endpoints once in a hundred million times. */
const COUNT_TO_MEET_ALL = 50;

/** Long enough for an answer on a busy machine. */
const ANSWER_PATIENCE_MS = 5_000;

/** Silence cannot be told from slowness: so long without an answer is taken for it. */
const SILENCE_PATIENCE_MS = 700;

const DEADLINE_MS = 20_000;

/** The network, an agent in every namespace, and the program under test on every node. */
export class Lab {
  readonly network: Network;
  readonly agents: ReadonlyMap<Place, Agent>;
  readonly driver: Driver;
  readonly #desired = new Map<string, KubeObject>();
  #fence: Fence = { count: 0, number: FENCE_NUMBERS[0] };

  private constructor(network: Network, agents: ReadonlyMap<Place, Agent>, driver: Driver) {
    this.network = network;
    this.agents = agents;
    this.driver = driver;
  }

  /** A running lab, with the driver that SLUICE_LAB_DRIVER names unless one is given. */
  static async start(driverName: DriverName = chosenDriver(), options: LabOptions = {}): Promise<Lab> {
    const network = await Network.create(options.pods);
    const agents = new Map(PLACES.map((place) => [place, new Agent(network.file(place))]));
    let driver: Driver | undefined;
    try {
      await Promise.all([...agents].map(([place, agent]) => serveAll(place, agent)));
      driver = await createDriver(driverName, network, agents, options);
      const lab = new Lab(network, agents, driver);
      await lab.#startDriver();
      return lab;
    } catch (error) {
      await driver?.stop();
      await Promise.all([...agents.values()].map((agent) => agent.stop()));
      await network.remove();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.driver.stop();
    await Promise.all([...this.agents.values()].map((agent) => agent.stop()));
    await this.network.remove();
  }

  agent(place: Place): Agent {
    const agent = this.agents.get(place);
    if (agent === undefined) throw new Error(`no agent in ${place}`);
    return agent;
  }

  /** Makes these Services, with their endpoints, what is wanted of them; holds when every node has programmed it. */
  async apply(...services: readonly ServiceFixture[]): Promise<void> {
    const isOurs = ownerIn(services);
    const wanted = services.flatMap((service) => service.objects());
    await this.#write(wanted, [...this.#desired.values()].filter(isOurs));
  }

  /** Takes the Services and their endpoints away. */
  async remove(...services: readonly ServiceFixture[]): Promise<void> {
    await this.#write([], [...this.#desired.values()].filter(ownerIn(services)));
  }

  /** Writes without waiting, for when nobody is there to program it. */
  async applyUnsettled(wanted: readonly ServiceFixture[], unwanted: readonly ServiceFixture[]): Promise<void> {
    const removed = [...this.#desired.values()].filter(ownerIn(unwanted));
    await this.#deliver(
      wanted.flatMap((service) => service.objects()),
      removed,
    );
  }

  /** As {@link apply}, for objects that no fixture makes. */
  async applyObjects(...objects: readonly KubeObject[]): Promise<void> {
    await this.#write(objects, []);
  }

  async removeObjects(...objects: readonly KubeObject[]): Promise<void> {
    await this.#write([], objects);
  }

  /** Runs what is given while clients connect to the targets without pause; every one of at least so many connects must succeed. */
  async withLoad(
    clients: readonly Place[],
    targets: readonly Target[],
    atLeast: number,
    action: () => Promise<void>,
  ): Promise<void> {
    const load = 'load';
    const tcp = targets.filter(({ protocol }) => protocol === 'TCP');
    const agents = clients.map((client) => this.agent(client));
    for (const agent of agents) await agent.ask<'start-load'>({ kind: 'start-load', load, targets: tcp, width: 4 });
    let reports: readonly LoadReport[];
    try {
      await action();
    } finally {
      const stop = { kind: 'stop-load', load, atLeast: atLeast / agents.length } as const;
      reports = await Promise.all(agents.map((agent) => agent.ask<'stop-load'>(stop)));
    }
    expect(reports.flatMap(({ failures }) => failures)).toEqual([]);
    expect(reports.reduce((sum, { connects }) => sum + connects, 0)).toBeGreaterThanOrEqual(atLeast);
  }

  /** Expects that connects from every one of `clients` to every one of `targets` end where they should. */
  async expectFrom(
    clients: Place | readonly Place[],
    targets: readonly Target[],
    expected: Expected,
    options: AskOptions = {},
  ): Promise<void> {
    const isNobody = typeof expected === 'string';
    const count = options.count ?? (isNobody ? 2 : expected.length > 1 ? COUNT_TO_MEET_ALL : 4);
    const patienceMs = expected === 'silent' ? SILENCE_PATIENCE_MS : ANSWER_PATIENCE_MS;
    const places = typeof clients === 'string' ? [clients] : clients;
    const asked = places.flatMap((client) => targets.map((target) => ({ client, target })));
    const found = await Promise.all(
      asked.map(async ({ client, target }) => {
        const replies = await this.ask(client, target, { patienceMs, ...options, count });
        return [`${client} → ${textOf(target)}`, outcomesOf(replies, isNobody ? expected : 'denied')] as const;
      }),
    );
    const outcomes = isNobody ? [expected] : [...expected].sort();
    const wanted = asked.map(({ client, target }) => [`${client} → ${textOf(target)}`, outcomes] as const);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
  }

  /** What came of each connect. */
  ask(client: Place, target: Target, options: AskOptions = {}): Promise<readonly Reply[]> {
    const { count = 1, patienceMs = ANSWER_PATIENCE_MS, localPort, payloadBytes } = options;
    return this.agent(client).ask<'probe'>({ kind: 'probe', target, count, patienceMs, localPort, payloadBytes });
  }

  /** Every address that the servers saw as their client's, over all targets. */
  async clientsSeen(client: Place, targets: readonly Target[], count = 8): Promise<readonly string[]> {
    const replies = await Promise.all(targets.map((target) => this.ask(client, target, { count })));
    const seen = replies.flat().map((reply) => (reply.kind === 'answered' ? reply.client : reply.kind));
    return [...new Set(seen)].sort();
  }

  http(place: Place, url: string): Promise<HttpReply> {
    return this.agent(place).ask<'http'>({ kind: 'http', url });
  }

  /** Waits for a condition that no fence can tell. */
  async until(what: string, condition: () => Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + DEADLINE_MS;
    while (!(await condition())) {
      if (performance.now() > deadlineMs)
        throw new Error(`waited in vain for: ${what}\n${await this.driver.logTails()}`);
      await sleep(20);
    }
  }

  /**
   * Holds when every node has programmed everything that was written before. A Service `fence` is given a new port, named anew
   * in its EndpointSlices too: it answers only to who has seen both, and changes are seen in the order in which they are written.
   * What leaves a folder of manifests is let go of later than what comes is taken up, so where something leaves, a fence leaves with it.
   */
  async settle(): Promise<void> {
    await this.#write([], []);
  }

  async #startDriver(): Promise<void> {
    this.#fence = { ...this.#fence, count: 1 };
    await this.#deliver([...nodeObjects(), ...fenceAt(this.#fence).objects()], []);
    await this.driver.start();
    await this.#untilFenced();
  }

  async #write(wanted: readonly KubeObject[], replaced: readonly KubeObject[]): Promise<void> {
    const kept = new Set(wanted.map(keyOf));
    const removed = replaced.filter((object) => !kept.has(keyOf(object)));
    const before = this.#fence;
    const number = removed.length === 0 ? before.number : otherNumber(before.number);
    this.#fence = { count: before.count + 1, number };
    const leaving = number === before.number ? undefined : fenceAt(before);
    await this.#deliver([...wanted, ...fenceAt(this.#fence).objects()], [...removed, ...(leaving?.objects() ?? [])]);
    await this.#untilFenced(leaving);
  }

  async #deliver(changed: readonly KubeObject[], removed: readonly KubeObject[]): Promise<void> {
    for (const object of removed) this.#desired.delete(keyOf(object));
    for (const object of changed) this.#desired.set(keyOf(object), object);
    await this.driver.write({ all: [...this.#desired.values()], changed, removed });
  }

  /** `leaving` is a fence that has to be gone. */
  async #untilFenced(leaving?: ServiceFixture): Promise<void> {
    const [here, gone] = [fenceAt(this.#fence).clusterTargets(), leaving?.clusterTargets() ?? []];
    await this.until('the nodes to program the change', async () => {
      const passed = NODES.flatMap((node) => [
        ...here.map((target) => this.#isAnswered(node, target)),
        ...gone.map(async (target) => !(await this.#isAnswered(node, target))),
      ]);
      return (await Promise.all(passed)).every(Boolean);
    });
  }

  async #isAnswered(node: Place, target: Target): Promise<boolean> {
    return (await this.ask(node, target, { patienceMs: 200 }))[0]?.kind === 'answered';
  }
}

const FENCE_NUMBERS = [251, 252] as const;

/** How many there were, and which of the two Services it is. */
interface Fence {
  readonly count: number;
  readonly number: number;
}

function otherNumber(number: number): number {
  return FENCE_NUMBERS.find((other) => other !== number) ?? number;
}

function fenceAt({ count, number }: Fence): ServiceFixture {
  const port = { name: `fence-${count}`, protocol: 'TCP', port: 1000 + count, targetPort: 9090 } as const;
  return new ServiceFixture(number, { ports: [port], endpoints: ['lbc'] });
}

async function serveAll(place: Place, agent: Agent): Promise<void> {
  const addresses = addressesOf(place);
  await agent.ask<'serve'>({ kind: 'serve', name: place, addresses, port: 8080 });
  await agent.ask<'serve'>({ kind: 'serve', name: `${place}:9090`, addresses, port: 9090 });
}

function createDriver(
  name: DriverName,
  network: Network,
  agents: ReadonlyMap<Place, Agent>,
  options: SluiceOptions,
): Promise<Driver> {
  const nodes = new Map(
    NODES.flatMap((node) => {
      const agent = agents.get(node);
      return agent === undefined ? [] : [[node, agent] as const];
    }),
  );
  return name === 'sluice'
    ? SluiceDriver.create(network, nodes, options)
    : KubeProxyDriver.create(network, nodes, options);
}

function keyOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.name}`;
}

/** Whether an object is one of these Services or of their EndpointSlices. */
function ownerIn(services: readonly ServiceFixture[]): (object: KubeObject) => boolean {
  const names = new Set(services.map(({ name }) => name));
  return ({ kind, metadata }) =>
    names.has(kind === 'Service' ? metadata.name : (metadata.labels?.['kubernetes.io/service-name'] ?? ''));
}

/** @param denied what a datagram that its sender's own machine did not let out counts as */
function outcomesOf(replies: readonly Reply[], denied: string): readonly string[] {
  const outcomes = replies.map((reply) => {
    if (reply.kind === 'answered') return reply.by;
    if (reply.kind === 'denied') return denied;
    return reply.kind === 'failed' ? `failed (${reply.code})` : reply.kind;
  });
  return [...new Set(outcomes)].sort();
}

function textOf({ protocol, address, port }: Target): string {
  return `${protocol} ${address.includes(':') ? `[${address}]` : address}:${port}`;
}
