import { takesNoRequests } from '../kube/availability.ts';
import type { KubeClient } from '../kube/client.ts';
import type { RawObject } from '../kube/raw-object.ts';
import type { Fault } from '../lib/fault.ts';
import { resourceOf, type Kind } from '../model/kinds.ts';
import { nameParts } from '../model/object.ts';
import type { StatusWrite, StatusWriter } from '../planes/status/status-writer.ts';

/**
 * Writes the status of one kind by server-side apply (KEP-555): the API server keeps what others say beside ours, and knows what is ours
 * to take back. For kinds whose lists have one owner; a list that several controllers share, such as HTTPRoute's parents, is one field
 * there, and has to be read, modified and written with its resourceVersion.
 */
export class KubeStatusWriter<Seen> implements StatusWriter<Seen> {
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

  async write({ key, uid, status, annotations }: StatusWrite, signal: AbortSignal): Promise<Seen | undefined> {
    const target = { resource: resourceOf(this.#kind), ...nameParts(key), uid };
    // Forced: an object that is ours is so, also when the controller that it comes from still owns the field.
    const options = { fieldManager: this.fieldManager, isForced: status !== undefined, annotations, signal };
    const result = await this.#client.applyStatus(target, status, options);
    return result.kind === 'written' ? this.#observe(result.object) : undefined;
  }

  concernsAll(fault: Fault): boolean {
    return takesNoRequests(fault);
  }
}
