import { cpus } from 'node:os';
import { join } from 'node:path';
import type { L4Plan, NodePlan, ServicePlan } from '../compile/l4/l4-plan.ts';
import { whatIsMisplaced, whatNodeLacks } from '../compile/l4/node-plan.ts';
import type { Plan } from '../compile/plan.ts';
import { Fault } from '../lib/fault.ts';
import type { Logger } from '../lib/logger.ts';
import type { Finding } from '../model/finding.ts';
import type { Metrics } from '../observe/metrics.ts';
import { Conntrack } from '../planes/l4/kernel/conntrack.ts';
import { ConntrackRoom } from '../planes/l4/kernel/conntrack-room.ts';
import { probeKernel } from '../planes/l4/kernel/features.ts';
import { hasInterface } from '../planes/l4/kernel/interfaces.ts';
import { applyKernelSettings, kernelSettings } from '../planes/l4/kernel/settings.ts';
import { KubeProxyWatch } from '../planes/l4/kube-proxy/kube-proxy-watch.ts';
import { findKubeProxy, removeKubeProxy } from '../planes/l4/kube-proxy/kube-proxy.ts';
import { LocalhostNodePorts } from '../planes/l4/localhost-node-ports.ts';
import { NftMonitor } from '../planes/l4/kernel/nft-monitor.ts';
import { Nft } from '../planes/l4/kernel/nft.ts';
import { L4Plane } from '../planes/l4/plane.ts';
import { Runner } from '../planes/runner.ts';
import { NodeHealth } from './node-health.ts';
import { NodeLock } from './node-possible.ts';
import type { NodeOptions } from './options.ts';
import { ProxyMode } from './proxy-mode.ts';
import { notApplied, type Role } from './role.ts';

/** What the node role reports on the objects of a cluster. */
export interface NodeEvents {
  /** Our tables were touched by another program, and have been made anew. */
  repaired(reason: string): void;
  /** The kernel refused a Service. */
  refused(service: ServicePlan, message: string): void;
  /** The health check node port of a Service cannot be listened on. */
  healthCheckTaken(service: ServicePlan, message: string): void;
  /** kube-proxy programs this node beside us. */
  besideKubeProxy(message: string): void;
  /** Writes what is reported, until `signal` is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export interface NodeParts {
  readonly options: NodeOptions;
  readonly stateDirectory: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly hasApiServer: boolean;
  /** Undefined where none are written. */
  readonly events: NodeEvents | undefined;
}

/** Service traffic in the kernel of this machine, and what balancers outside ask about it. */
export class NodeRole implements Role {
  readonly name = 'node';
  readonly #plane: L4Plane;
  readonly #runner: Runner<L4Plan>;
  readonly #monitor: NftMonitor;
  readonly #kubeProxyWatch: KubeProxyWatch;
  readonly #conntrackRoom: ConntrackRoom;
  readonly #health: NodeHealth | undefined;
  readonly #proxyMode: ProxyMode | undefined;
  readonly #localhost: LocalhostNodePorts | undefined;
  readonly #lock: NodeLock;
  readonly #logger: Logger;
  readonly #hasApiServer: boolean;
  readonly #events: NodeEvents | undefined;
  #toldLack: NodePlan['lacks'];
  #reportedMisplaced: string | undefined;
  readonly #programmed = Promise.withResolvers<void>();

  private constructor(parts: NodeParts, nft: Nft, lock: NodeLock) {
    const { options, stateDirectory, logger, metrics, hasApiServer, events } = parts;
    this.#lock = lock;
    this.#logger = logger;
    this.#hasApiServer = hasApiServer;
    this.#events = events;
    this.#plane = new L4Plane({
      nft,
      conntrack: new Conntrack(stateDirectory),
      logger,
      onProgrammed: () => {
        this.#programmed.resolve();
        return takeOver(options, logger);
      },
      onRefused: (service, message) => {
        metrics.serviceRefused();
        logger.error('the kernel refused a Service; the rest is served', {
          service: `${service.namespace}/${service.name}`,
          error: message,
        });
        events?.refused(service, message);
      },
      onHealthCheckTaken: (service, message) => events?.healthCheckTaken(service, message),
    });
    this.#runner = new Runner(this.#plane, logger, metrics);
    this.#monitor = new NftMonitor({
      nft,
      logger,
      anchors: () => this.#plane.anchors,
      generation: () => this.#plane.generation,
      elements: () => this.#plane.elements,
      onForeign: (reason) => {
        metrics.kernelRepaired();
        events?.repaired(reason);
        this.#plane.disturb(reason);
      },
    });
    this.#conntrackRoom = new ConntrackRoom({ logger });
    this.#kubeProxyWatch = new KubeProxyWatch({
      logger,
      removes: options.takesOver,
      onFound: (found) => {
        const { message, remedy } = besideKubeProxy(options);
        logger.warn(message, { found, remedy });
        events?.besideKubeProxy(`${message}: ${found.join('; ')}. ${remedy}`);
      },
    });
    this.#health =
      options.healthzAddress === undefined ? undefined : new NodeHealth(options.healthzAddress, this.#runner, logger);
    this.#proxyMode =
      options.proxyModeAddress === undefined ? undefined : new ProxyMode(options.proxyModeAddress, logger);
    this.#localhost = options.servesLocalhostNodePorts ? new LocalhostNodePorts(logger) : undefined;
  }

  /** @throws Fault when this machine cannot or should not be programmed, or the health port is taken. */
  static async create(parts: NodeParts): Promise<NodeRole> {
    const lock = await NodeLock.take();
    let nft: Nft | undefined;
    try {
      nft = await Nft.open(join(parts.stateDirectory, 'bin'));
      await probeKernel(nft);
      await refuseBesideKubeProxy(parts.options);
      const settings = kernelSettings(parts.options.conntrack, cpus().length);
      await applyKernelSettings(settings, parts.options.changesKernelSettings, parts.logger);
      await tellMissingBridge(parts.options.podBridge, parts.logger);
      const role = new NodeRole(parts, nft, lock);
      await role.#health?.listen(parts.options.takesOver);
      await role.#proxyMode?.listen();
      return role;
    } catch (thrown) {
      nft?.close();
      await lock.release();
      throw thrown;
    }
  }

  want(plan: Plan): void {
    if (plan.l4 === undefined) return;
    this.#runner.want(plan.l4);
    this.#tellLack(plan.l4);
    this.#reportMisplaced(plan.l4);
    this.#health?.update(plan.l4.node);
    this.#localhost?.update(plan.l4.services);
  }

  /** Once, until it is another or comes again. Such a Node is no object of which a Finding could be. */
  #tellLack({ node }: L4Plan): void {
    if (node.lacks === this.#toldLack) return;
    this.#toldLack = node.lacks;
    const lack = whatNodeLacks(node, this.#hasApiServer);
    if (lack !== undefined) this.#logger.warn(lack.message, { remedy: lack.remedy });
  }

  /** Once, until it is another or comes again. */
  #reportMisplaced({ node }: L4Plan): void {
    const misplaced = whatIsMisplaced(node);
    if (misplaced !== undefined && misplaced.message !== this.#reportedMisplaced)
      this.#logger.warn(misplaced.message, { remedy: misplaced.remedy });
    this.#reportedMisplaced = misplaced?.message;
  }

  notReady(): readonly string[] {
    return notApplied(this.#runner);
  }

  /** What the kernel has, for whoever compares it with what it should have. */
  get programmed(): L4Plan | undefined {
    return this.#plane.programmed;
  }

  get refused(): readonly Finding[] {
    return this.#plane.refused;
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#runner.run(signal), this.#watch(signal), this.#events?.run(signal)]);
  }

  /** From the first program on: nft 1.0.6 crashes when it watches tables being replaced. */
  async #watch(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#programmed.resolve(), { once: true });
    await this.#programmed.promise;
    await Promise.all([this.#monitor.run(signal), this.#kubeProxyWatch.run(signal), this.#conntrackRoom.run(signal)]);
  }

  async release(): Promise<void> {
    await this.#health?.close();
    await this.#proxyMode?.close();
    await this.#localhost?.close();
    await this.#plane.release();
    await this.#lock.release();
  }
}

/** No Fault: the network plugin may make it with the first pod, and the rules wait for its name. */
async function tellMissingBridge(name: string | undefined, logger: Logger): Promise<void> {
  if (name === undefined || (await hasInterface(name)) !== false) return;
  logger.warn(`there is no interface ${name} yet, and until then no pod of this node is recognized as one`, {
    remedy:
      'correct --pod-bridge-interface (see "ip link show type bridge"), unless the network plugin makes it with the first pod',
  });
}

async function refuseBesideKubeProxy(options: NodeOptions): Promise<void> {
  const found = options.takesOver ? [] : await findKubeProxy();
  if (found.length === 0) return;
  const message = `kube-proxy programs this machine (${found.join('; ')}), and two cannot`;
  throw new Fault(
    'kube-proxy',
    `${message}. Stop it, or run with --takeover to replace it without losing a connection.`,
    { retryable: false },
  );
}

function besideKubeProxy(options: NodeOptions): { readonly message: string; readonly remedy: string } {
  const end = 'remove its DaemonSet (kubectl -n kube-system delete daemonset kube-proxy), or end it on this node';
  return options.takesOver
    ? {
        message: 'kube-proxy is still running: it had programmed this machine again, which has been removed',
        remedy: `It does the work a second time, and will again with the next change: ${end}.`,
      }
    : {
        message: 'kube-proxy has programmed this machine, beside Sluice',
        remedy: `What it leaves behind when it ends is not removed without --takeover: ${end}, and give that flag.`,
      };
}

/** Only once ours is in place does theirs go, so that there is no moment without either. */
async function takeOver(options: NodeOptions, logger: Logger): Promise<void> {
  if (!options.takesOver) return;
  for (const line of await removeKubeProxy()) logger.info('removed from kube-proxy', { what: line });
}
