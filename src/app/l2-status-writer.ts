import { ApiFault } from '../kube/api-fault.ts';
import type { WriteResult } from '../kube/apply.ts';
import { takesNoRequests } from '../kube/availability.ts';
import type { KubeClient } from '../kube/client.ts';
import { objectPath } from '../kube/resource.ts';
import type { Fault } from '../lib/fault.ts';
import type { L2Status, ObservedL2Status } from '../model/l2-status.ts';
import type { L2StatusWriter } from '../planes/status/l2-status.ts';
import { L2_STATUS_RESOURCE, l2StatusFields, l2StatusMetadata } from '../sources/cluster/l2-statuses.ts';
import type { Store } from '../sources/store.ts';

const FIELD_MANAGER = 'sluice-node';

/** Writes ServiceL2Status objects to a namespace. They belong to the Node, and go with it. */
export class KubeL2StatusWriter implements L2StatusWriter {
  readonly #client: KubeClient;
  readonly #namespace: string;
  readonly #store: Store;

  constructor(client: KubeClient, namespace: string, store: Store) {
    this.#client = client;
    this.#namespace = namespace;
    this.#store = store;
  }

  async write(name: string, status: L2Status, signal: AbortSignal): Promise<ObservedL2Status | undefined> {
    const target = { resource: L2_STATUS_RESOURCE, namespace: this.#namespace, name };
    const options = { fieldManager: FIELD_MANAGER, isForced: true, signal };
    const node = this.#store.snapshot.nodes.get(status.node);
    const ownerReferences =
      node === undefined || node.meta.uid === ''
        ? []
        : [{ apiVersion: 'v1', kind: 'Node', name: node.meta.name, uid: node.meta.uid }];
    const metadata = { ...l2StatusMetadata(status), ...(ownerReferences.length > 0 && { ownerReferences }) };
    const uid = uidOf(await this.#client.apply(target, { metadata, spec: {} }, options));
    if (uid === undefined) return undefined;
    const written = uidOf(await this.#client.applyStatus({ ...target, uid }, l2StatusFields(status), options));
    return written === undefined ? undefined : { ...status, uid };
  }

  async remove(name: string, uid: string, signal: AbortSignal): Promise<void> {
    const path = objectPath(L2_STATUS_RESOURCE, { namespace: this.#namespace, name });
    try {
      await this.#client.request({ method: 'DELETE', path, body: { preconditions: { uid } }, signal });
    } catch (thrown) {
      // Somebody was faster, or it is another one by now.
      if (!(thrown instanceof ApiFault) || (thrown.status !== 404 && thrown.status !== 409)) throw thrown;
    }
  }

  concernsAll(fault: Fault): boolean {
    return takesNoRequests(fault);
  }
}

function uidOf(result: WriteResult): string | undefined {
  return result.kind === 'written' ? (result.object.metadata.uid ?? '') : undefined;
}
