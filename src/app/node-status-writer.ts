import type { WriteResult } from '../kube/apply.ts';
import { takesNoRequests } from '../kube/availability.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Fault } from '../lib/fault.ts';
import type { NodeStatus, ObservedNodeStatus } from '../model/node-status.ts';
import type { NodeStatusWriter } from '../planes/status/node-status.ts';
import type { NodeStatusForm } from '../sources/cluster/node-statuses.ts';
import type { Store } from '../sources/store.ts';

const FIELD_MANAGER = 'sluice-node';

/** Writes what nodes say of Services to a namespace. The objects belong to the Node, and go with it. */
export class KubeNodeStatusWriter<S extends NodeStatus> implements NodeStatusWriter<S> {
  readonly #client: KubeClient;
  readonly #namespace: string;
  readonly #store: Store;
  readonly #form: NodeStatusForm<S>;

  constructor(client: KubeClient, namespace: string, store: Store, form: NodeStatusForm<S>) {
    this.#client = client;
    this.#namespace = namespace;
    this.#store = store;
    this.#form = form;
  }

  async write(name: string, status: S, signal: AbortSignal): Promise<ObservedNodeStatus<S> | undefined> {
    const target = { resource: this.#form.resource, namespace: this.#namespace, name };
    const options = { fieldManager: FIELD_MANAGER, isForced: true, signal };
    const node = this.#store.snapshot.nodes.get(status.node);
    const ownerReferences =
      node === undefined || node.meta.uid === ''
        ? []
        : [{ apiVersion: 'v1', kind: 'Node', name: node.meta.name, uid: node.meta.uid }];
    const metadata = { ...this.#form.metadata(status), ...(ownerReferences.length > 0 && { ownerReferences }) };
    const uid = uidOf(await this.#client.apply(target, { metadata, spec: {} }, options));
    if (uid === undefined) return undefined;
    const written = uidOf(await this.#client.applyStatus({ ...target, uid }, this.#form.fields(status), options));
    return written === undefined ? undefined : { ...status, uid };
  }

  remove(name: string, uid: string, signal: AbortSignal): Promise<void> {
    return this.#client.delete(this.#form.resource, { namespace: this.#namespace, name }, uid, signal);
  }

  concernsAll(fault: Fault): boolean {
    return takesNoRequests(fault);
  }
}

function uidOf(result: WriteResult): string | undefined {
  return result.kind === 'written' ? (result.object.metadata.uid ?? '') : undefined;
}
