import { takesNoRequests } from '../kube/availability.ts';
import type { KubeClient } from '../kube/client.ts';
import type { RawObject } from '../kube/raw-object.ts';
import type { Fault } from '../lib/fault.ts';
import { resourceOf, type Kind } from '../model/kinds.ts';
import { nameParts } from '../model/object.ts';
import type { StatusWrite, StatusWriter } from '../planes/status/status-writer.ts';

/**
 * Whose the lists of a status are. `owned`: server-side apply (KEP-555), with which the API server keeps what others say beside ours, and
 * knows what is ours to take back. `shared`: one list of several controllers, such as `HTTPRoute.status.parents`, is one field there. It is
 * written with the resourceVersion of the object that was compared: where somebody else was faster nothing is written, and what they wrote
 * is compared when it is observed.
 */
export type StatusOwnership = 'owned' | 'shared';

/** Writes the status of one kind. */
export class KubeStatusWriter<Seen> implements StatusWriter<Seen> {
  readonly fieldManager: string;
  readonly #client: KubeClient;
  readonly #kind: Kind;
  readonly #observe: (raw: RawObject) => Seen;
  readonly #ownership: StatusOwnership;

  constructor(
    client: KubeClient,
    fieldManager: string,
    kind: Kind,
    observe: (raw: RawObject) => Seen,
    ownership: StatusOwnership = 'owned',
  ) {
    this.#client = client;
    this.fieldManager = fieldManager;
    this.#kind = kind;
    this.#observe = observe;
    this.#ownership = ownership;
  }

  async write(
    { key, uid, resourceVersion, status, annotations }: StatusWrite,
    signal: AbortSignal,
  ): Promise<Seen | undefined> {
    const target = { resource: resourceOf(this.#kind), ...nameParts(key), uid };
    const { fieldManager } = this;
    // Forced: an object that is ours is so, also when the controller that it comes from still owns the field.
    const isForced = status !== undefined;
    const result =
      this.#ownership === 'shared'
        ? await this.#client.mergeStatus(target, status, { fieldManager, resourceVersion, signal })
        : await this.#client.applyStatus(target, status, { fieldManager, isForced, annotations, signal });
    return result.kind === 'written' ? this.#observe(result.object) : undefined;
  }

  concernsAll(fault: Fault): boolean {
    return takesNoRequests(fault);
  }
}
