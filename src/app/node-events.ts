import type { ServicePlan } from '../compile/l4/l4-plan.ts';
import { crash } from '../lib/crash.ts';
import { Fault } from '../lib/fault.ts';
import type { Logger } from '../lib/logger.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { Store } from '../sources/store.ts';
import type { NodeEvents } from './node.ts';

/** Tells the objects of a cluster, by Events, what happened to the kernel of this node. */
export class KubeNodeEvents implements NodeEvents {
  readonly #events: EventRecorder;
  readonly #nodeName: string;
  readonly #store: Store;
  readonly #logger: Logger;

  constructor(client: KubeClient, nodeName: string, instance: string, store: Store, logger: Logger) {
    this.#events = client.eventRecorder({ component: 'sluice', instance });
    this.#nodeName = nodeName;
    this.#store = store;
    this.#logger = logger;
  }

  repaired(reason: string): void {
    const uid = this.#store.snapshot.nodes.get(this.#nodeName)?.meta.uid;
    const message = `${reason}. The nftables tables of Sluice have been made anew.`;
    if (uid !== undefined) this.#record('Node', { name: this.#nodeName, uid }, 'KernelTablesRepaired', message);
  }

  refused(service: ServicePlan, message: string): void {
    this.#recordOfService(service, 'KernelRefused', `cannot program this Service: ${message}`);
  }

  /** Under the reason that kube-proxy gives. */
  healthCheckTaken(service: ServicePlan, message: string): void {
    this.#recordOfService(service, 'FailedToStartServiceHealthcheck', message);
  }

  besideKubeProxy(message: string): void {
    const uid = this.#store.snapshot.nodes.get(this.#nodeName)?.meta.uid;
    if (uid !== undefined) this.#record('Node', { name: this.#nodeName, uid }, 'KubeProxyRunning', message);
  }

  #recordOfService({ namespace, name }: ServicePlan, reason: string, message: string): void {
    const uid = this.#store.snapshot.services.get(`${namespace}/${name}`)?.meta.uid;
    if (uid !== undefined)
      this.#record('Service', { namespace, name, uid }, reason, `node ${this.#nodeName} ${message}`);
  }

  #record(
    kind: 'Node' | 'Service',
    subject: { readonly name: string; readonly uid: string; readonly namespace?: string },
    reason: string,
    message: string,
  ): void {
    const note = { subject: { apiVersion: 'v1', kind, ...subject }, type: 'Warning' as const, reason, message };
    this.#events.record(note, AbortSignal.timeout(30_000)).catch((thrown: unknown) => {
      // An Event is a courtesy; the log and the metrics have it too.
      if (!(thrown instanceof Fault)) crash(thrown);
      else this.#logger.warn('cannot write an Event', { kind, name: subject.name, error: thrown.message });
    });
  }
}
