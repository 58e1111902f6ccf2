import { takesNoRequests } from '../kube/availability.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { Fault } from '../lib/fault.ts';
import type { Logger } from '../lib/logger.ts';
import { apiVersionOfKind, KINDS } from '../model/kinds.ts';
import { keyOf, nameOf, type ObjectRef } from '../model/object.ts';
import type { EventWish, EventWriter } from '../planes/status/events.ts';
import type { Store } from '../sources/store.ts';

/** Events within a rate that an API server does not notice; a thousand Findings are reported within a minute. */
export const EVENT_RATE = { perSecond: 20, burst: 100 };

/** Writes Events on objects of the cluster, in the name of this process. */
export class KubeEventWriter implements EventWriter {
  readonly #events: EventRecorder;
  readonly #store: Store;
  readonly #logger: Logger;

  /** @param instance which process: the name of the node or pod */
  constructor(client: KubeClient, instance: string, store: Store, logger: Logger) {
    this.#events = client.eventRecorder({ component: 'sluice', instance });
    this.#store = store;
    this.#logger = logger;
  }

  async write({ object, type, reason, message }: EventWish, signal: AbortSignal): Promise<void> {
    const { kind, namespace, name } = object;
    const uid = uidOf(object, this.#store);
    // Without its uid, `kubectl describe` would not find the Event under the object.
    if (kind === 'Manifest' || uid === undefined) return;
    const subject = { apiVersion: apiVersionOfKind(kind), kind, name, uid, ...(namespace === '' ? {} : { namespace }) };
    const isWritten = await this.#events.record({ subject, type, reason, message }, signal);
    if (!isWritten)
      this.#logger.debug('too many Events about one object; one is left out', { object: nameOf(object), reason });
  }

  concernsAll(fault: Fault): boolean {
    return takesNoRequests(fault);
  }
}

function uidOf(object: ObjectRef, store: Store): string | undefined {
  if (object.kind === 'Manifest') return undefined;
  const uid = store.snapshot[KINDS[object.kind].table].get(keyOf(object))?.meta.uid;
  return uid === '' ? undefined : uid;
}
