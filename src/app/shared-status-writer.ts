import { takesNoRequests } from '../kube/availability.ts';
import type { KubeClient } from '../kube/client.ts';
import type { RawObject } from '../kube/raw-object.ts';
import type { Fault } from '../lib/fault.ts';
import { resourceOf, type Kind } from '../model/kinds.ts';
import { nameParts } from '../model/object.ts';
import type { StatusWrite, StatusWriter } from '../planes/status/status-writer.ts';

/**
 * Writes a status that several controllers share in one list, such as `HTTPRoute.status.parents`, for objects as they were compared: where
 * somebody else was faster, nothing is written, and what they wrote is compared when it is observed.
 */
export class SharedStatusWriter<Seen> implements StatusWriter<Seen> {
  readonly fieldManager: string;
  readonly #client: KubeClient;
  readonly #kind: Kind;
  readonly #observe: (raw: RawObject) => Seen;

  constructor(client: KubeClient, fieldManager: string, kind: Kind, observe: (raw: RawObject) => Seen) {
    this.#client = client;
    this.fieldManager = fieldManager;
    this.#kind = kind;
    this.#observe = observe;
  }

  async write({ key, uid, resourceVersion, status }: StatusWrite, signal: AbortSignal): Promise<Seen | undefined> {
    const target = { resource: resourceOf(this.#kind), ...nameParts(key), uid };
    const { fieldManager } = this;
    const result = await this.#client.mergeStatus(target, status, { fieldManager, resourceVersion, signal });
    return result.kind === 'written' ? this.#observe(result.object) : undefined;
  }

  concernsAll(fault: Fault): boolean {
    return takesNoRequests(fault);
  }
}
