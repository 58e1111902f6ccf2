import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import { ApiFault } from '../kube/api-fault.ts';
import type { Logger } from '../lib/logger.ts';
import type { IngressStatus } from '../compile/plan.ts';
import type { Finding } from '../model/finding.ts';
import { apiVersionOfKind, resourceOf } from '../model/kinds.ts';
import { keyOf } from '../model/object.ts';
import type { StatusWriter } from '../planes/status/plane.ts';

/** Our name in `managedFields`. */
const FIELD_MANAGER = 'sluice';

/** Writes status through the Kubernetes API. */
export class KubeStatusWriter implements StatusWriter {
  readonly #client: KubeClient;
  readonly #events: EventRecorder;
  readonly #logger: Logger;
  /** The uid of an object, so that its Events are found under it. */
  readonly #uidOf: (finding: Finding) => string | undefined;

  constructor(client: KubeClient, instance: string, logger: Logger, uidOf: (finding: Finding) => string | undefined) {
    this.#client = client;
    this.#events = client.eventRecorder({ component: 'sluice', instance });
    this.#logger = logger;
    this.#uidOf = uidOf;
  }

  async writeIngress({ ref, addresses }: IngressStatus, signal: AbortSignal): Promise<void> {
    const target = { resource: resourceOf('Ingress'), namespace: ref.namespace, name: ref.name };
    const ingress = addresses.map((address) => ('ip' in address ? { ip: address.ip } : { hostname: address.hostname }));
    // Forced: an Ingress of our class is ours, also when the controller that it comes from still owns the field.
    const options = { fieldManager: FIELD_MANAGER, isForced: true, signal };
    const result = await this.#client.applyStatus(target, { loadBalancer: { ingress } }, options);
    if (result.kind === 'conflict') throw result.cause;
    this.#logger.debug('status', { ingress: keyOf(ref), result: result.kind });
  }

  async recordFinding(finding: Finding, signal: AbortSignal): Promise<void> {
    const { kind, namespace, name } = finding.object;
    const uid = this.#uidOf(finding);
    // A file is no object that an Event could be about.
    if (kind === 'Manifest' || uid === undefined) return;
    const field = finding.field === '' ? '' : `${finding.field}: `;
    const note = {
      subject: { apiVersion: apiVersionOfKind(kind), kind, name, uid, ...(namespace === '' ? {} : { namespace }) },
      type: 'Warning' as const,
      reason: finding.reason,
      message: `${field}${finding.message}. ${finding.remedy} (${finding.code})`,
    };
    try {
      await this.#events.record(note, signal);
    } catch (thrown) {
      // Events are a courtesy: a namespace that is being deleted, or RBAC without them, must not hold up addresses.
      if (!(thrown instanceof ApiFault) || thrown.status !== 403) throw thrown;
      this.#logger.warn('cannot write an Event', { object: keyOf(finding.object), error: thrown.message });
    }
  }
}
