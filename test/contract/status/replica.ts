/** A process that serves and writes status, without HAProxy: the parts of `sluice run` that look at an API server, put together as there. */
import { Controller } from '../../../src/app/controller.ts';
import { GatewayReport } from '../../../src/app/gateway-report.ts';
import { installationOf } from '../../../src/app/installation.ts';
import { STANDALONE_SETTINGS } from '../../../src/app/check.ts';
import { ROLE_INTERESTS } from '../../../src/app/role.ts';
import { Compiler } from '../../../src/compile/compiler.ts';
import { DEFAULT_CONTROLLER_CLASS, NO_NODE_FACTS } from '../../../src/compile/settings.ts';
import { KubeClient } from '../../../src/kube/client.ts';
import type { KubeConfig } from '../../../src/kube/config.ts';
import type { LogFields, Logger } from '../../../src/lib/logger.ts';
import { ipAddressOf } from '../../../src/model/grammar.ts';
import { Metrics } from '../../../src/observe/metrics.ts';
import { ClusterSource } from '../../../src/sources/cluster/cluster-source.ts';
import { Store } from '../../../src/sources/store.ts';

export interface ReplicaOptions {
  readonly config: KubeConfig;
  /** Where its Leases are. */
  readonly namespace: string;
  /** Under which it is reached. */
  readonly address: string;
  readonly ingressClass?: string;
  readonly controllerClass?: string;
  /** Whether addresses are written to Ingresses; they are unless it says otherwise. */
  readonly writesIngressStatus?: boolean;
  readonly hasEvents?: boolean;
}

/** Lines of the log: the message, and what stands beside it as JSON. */
class LogLines implements Logger {
  readonly lines: string[] = [];
  readonly debug = (): void => {};
  readonly info = (message: string, fields: LogFields = {}): void => this.#add(message, fields);
  readonly warn = (message: string, fields: LogFields = {}): void => this.#add(message, fields);
  readonly error = (message: string, fields: LogFields = {}): void => this.#add(message, fields);
  readonly with = (): Logger => this;

  #add(message: string, fields: LogFields): void {
    this.lines.push(`${message} ${JSON.stringify(fields)}`);
  }
}

export class Replica {
  readonly log = new LogLines();
  readonly #client: KubeClient;
  readonly #store = new Store();
  readonly #source: ClusterSource;
  readonly #compiler: Compiler;
  readonly #controller: Controller;
  readonly #report: GatewayReport;
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;
  readonly #metrics = new Metrics();
  /** How often a plan was compiled. */
  compiles = 0;

  constructor({
    config,
    namespace,
    address,
    hasEvents = true,
    writesIngressStatus = true,
    ...classes
  }: ReplicaOptions) {
    const { ingressClass = 'sluice', controllerClass = DEFAULT_CONTROLLER_CLASS } = classes;
    const logger = this.log;
    const ip = ipAddressOf(address);
    const client = new KubeClient({ config, logger, userAgent: 'replica/1' });
    this.#client = client;
    const timings = { settleMs: 30, backoff: { minMs: 5, maxMs: 200 } };
    const interests = ROLE_INTERESTS.controller(undefined);
    this.#source = new ClusterSource({ client, store: this.#store, interests, timings, forbiddenConfirmMs: 100 });
    const settings = { ingressClass, isIngressClassExplicit: ingressClass !== 'sluice', controllerClass };
    const publishAddresses = ip === undefined ? [] : [{ ip }];
    this.#compiler = new Compiler({ ...STANDALONE_SETTINGS, ...settings, mode: 'cluster', publishAddresses });
    const installation = installationOf(ingressClass, undefined);
    this.#controller = new Controller({
      client,
      logger,
      metrics: this.#metrics,
      store: this.#store,
      installation,
      leaseNamespace: namespace,
      isGateway: true,
      hasEvents,
      serves: Promise.resolve(),
      writesIngressStatus,
      givesAddresses: false,
      hasReadGateways: undefined,
      hasReadClasses: () => this.#source.hasRead('Ingress') && this.#source.hasRead('IngressClass'),
    });
    this.#report = new GatewayReport(client, namespace, installation, { endpoints: [], nodeName: 'node-1' });
    this.#store.subscribe(() => this.#compile());
    const { signal } = this.#stop;
    const source = this.#source.run(signal, () => this.#compile());
    this.#running = Promise.all([source, this.#controller.run(signal), this.#report.run(signal)]);
    this.#running.catch(() => {});
  }

  get leads(): boolean {
    return (
      this.log.lines.findLastIndex((line) => line.startsWith('leading')) >
      this.log.lines.findLastIndex((line) => line.startsWith('no longer leading'))
    );
  }

  /** How many writes of a plane succeeded, and how many did not. */
  async writes(plane: string): Promise<{ readonly done: number; readonly refused: number }> {
    const text = await this.#metrics.text();
    const count = (result: string): number =>
      Number(
        new RegExp(`^sluice_applies_total\\{plane="${plane}",result="${result}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0,
      );
    return { done: count('success'), refused: count('failure') };
  }

  /** As by SIGTERM. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#client.close();
  }

  #compile(): void {
    const plan = this.#compiler.compile(this.#store.snapshot, { nowMs: Date.now(), node: NO_NODE_FACTS });
    this.compiles += 1;
    this.#source.want(plan.wants);
    if (this.#source.state.kind !== 'synced') return;
    this.#controller.want(plan);
    this.#report.addresses(plan.status.addresses);
  }
}
