import type { ServicePlan } from '../compile/l4/l4-plan.ts';
import { PersistentMap } from '../lib/persistent-map.ts';
import type { ObjectRef } from '../model/object.ts';
import { KeyedRunner, type KeyedRunnerOptions } from '../planes/keyed-runner.ts';
import { EventPlane, type EventWish, type EventWriter } from '../planes/status/events.ts';
import { EVENT_RATE } from './event-writer.ts';
import type { NodeEvents } from './node.ts';

/** Reports by Events, on the objects of a cluster, what happened to the kernel of this node. */
export class KubeNodeEvents implements NodeEvents {
  readonly #runner: KeyedRunner<EventWish, EventWish>;
  readonly #nodeName: string;
  /** The latest Event of each reason for each object. */
  #wishes = PersistentMap.empty<EventWish>();

  constructor(writer: EventWriter, nodeName: string, options: Pick<KeyedRunnerOptions, 'logger' | 'events'>) {
    const plane = new EventPlane(writer, 'once');
    this.#runner = new KeyedRunner(plane, { ...options, rate: EVENT_RATE, mayWrite: () => true });
    this.#runner.start();
    this.#nodeName = nodeName;
  }

  repaired(reason: string): void {
    this.#report(this.#node, 'KernelTablesRepaired', `${reason}. The nftables tables of Sluice have been made anew.`);
  }

  refused(service: ServicePlan, message: string): void {
    this.#reportOn(service, 'KernelRefused', `cannot program this Service: ${message}`);
  }

  /** Under the reason that kube-proxy gives. */
  healthCheckTaken(service: ServicePlan, message: string): void {
    this.#reportOn(service, 'FailedToStartServiceHealthcheck', message);
  }

  besideKubeProxy(message: string): void {
    this.#report(this.#node, 'KubeProxyRunning', message);
  }

  /** Writes until `signal` is aborted; Events are a courtesy, and nothing waits for them. */
  run(signal: AbortSignal): Promise<void> {
    return this.#runner.run(signal);
  }

  get #node(): ObjectRef {
    return { kind: 'Node', namespace: '', name: this.#nodeName };
  }

  #reportOn({ namespace, name }: ServicePlan, reason: string, message: string): void {
    this.#report({ kind: 'Service', namespace, name }, reason, `node ${this.#nodeName} ${message}`);
  }

  #report(object: ObjectRef, reason: string, message: string): void {
    const key = [object.kind, object.namespace, object.name, reason].join(' ');
    this.#wishes = this.#wishes.set(key, { object, type: 'Warning', reason, message });
    this.#runner.want(this.#wishes);
  }
}
