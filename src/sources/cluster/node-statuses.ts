import type { KubeClient } from '../../kube/client.ts';
import type { RawObject } from '../../kube/raw-object.ts';
import type { ReflectionConsumer, ReflectionState } from '../../kube/reflection.ts';
import type { Resource } from '../../kube/resource.ts';
import { isRecord } from '../../lib/is-record.ts';
import type { Logger } from '../../lib/logger.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { ipAddressOf, type IpAddress } from '../../model/grammar.ts';
import type { NodeStatus, ObservedNodeStatus } from '../../model/node-status.ts';

/** How a kind of objects, in which nodes say something of Services, is written and read. */
export interface NodeStatusForm<S extends NodeStatus> {
  readonly resource: Resource;
  /** Labels and annotations. */
  metadata(status: S): Readonly<Record<string, unknown>>;
  /** The status of the object. */
  fields(status: S): Readonly<Record<string, unknown>>;
  decode(parts: StatusParts): S;
}

/** An object as a form reads it. */
export interface StatusParts extends NodeStatus {
  readonly status: Readonly<Record<string, unknown>>;
  readonly addresses: readonly IpAddress[];
  /** The text of an annotation; empty where there is none. */
  readonly annotation: (name: string) => string;
}

/** What MetalLB's kinds have no field for. */
const ADDRESSES = 'sluice.dev/addresses';
const SINCE = 'sluice.dev/since';

const NODE_LABEL = 'metallb.io/node';

/** The longest value that a label may have (Kubernetes). */
const LABEL_BYTES = 63;

/** The labels by which MetalLB finds them, but for a name that is too long for one, and what has no field. */
export function nodeStatusMetadata(
  { node, service, since, addresses }: NodeStatus & { readonly addresses: readonly IpAddress[] },
  annotations: Readonly<Record<string, string>> = {},
): Readonly<Record<string, unknown>> {
  const [namespace = '', name = ''] = service.split('/');
  return {
    labels: {
      ...(node.length <= LABEL_BYTES && { [NODE_LABEL]: node }),
      'metallb.io/service-name': name,
      'metallb.io/service-namespace': namespace,
    },
    annotations: { [ADDRESSES]: addresses.join(','), [SINCE]: since, ...annotations },
  };
}

/** Selects what one node says, and what MetalLB's speaker there does; undefined where its name is too long for a label. */
export function selectorOfNode(node: string): string | undefined {
  return node.length <= LABEL_BYTES ? `${NODE_LABEL}=${node}` : undefined;
}

/** The fields of every such status. */
export function nodeStatusFields({ node, service }: NodeStatus): Readonly<Record<string, unknown>> {
  const [serviceNamespace, serviceName] = service.split('/');
  return { node, serviceName, serviceNamespace };
}

export interface NodeStatusesOptions<S extends NodeStatus> {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly logger: Logger;
  readonly form: NodeStatusForm<S>;
  /**
   * The labels of those that are read; undefined: all. Where every node announces every Service, who reads what all say reads as many as
   * there are nodes times Services, and hears of each change.
   */
  readonly labelSelector: string | undefined;
  /** Called with all of them whenever there are others, and once when all have been read. */
  readonly onChange: (statuses: PersistentMap<ObservedNodeStatus<S>>) => void;
}

interface NamedStatus<S extends NodeStatus> {
  readonly name: string;
  readonly status: ObservedNodeStatus<S>;
}

/** The objects of one such kind of all nodes. */
export class NodeStatuses<S extends NodeStatus> implements ReflectionConsumer<NamedStatus<S>> {
  readonly #options: NodeStatusesOptions<S>;
  #all = PersistentMap.empty<ObservedNodeStatus<S>>();
  #isComplete = false;

  constructor(options: NodeStatusesOptions<S>) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { client, namespace, form, labelSelector } = this.#options;
    const selection = { resource: form.resource, namespace, labelSelector };
    const project = (raw: RawObject): NamedStatus<S> => decode(raw, form);
    await client.reflector({ selection, project, consumer: this, isRequired: false }).run(signal);
  }

  replace(statuses: readonly NamedStatus<S>[]): void {
    this.#all = PersistentMap.from(statuses.map(({ name, status }) => [name, status]));
    this.#isComplete = true;
    this.#changed();
  }

  upsert({ name, status }: NamedStatus<S>): void {
    this.#all = this.#all.set(name, status);
    this.#changed();
  }

  remove(_namespace: string, name: string): void {
    this.#all = this.#all.delete(name);
    this.#changed();
  }

  state(state: ReflectionState): void {
    const { logger, form } = this.#options;
    if (state.kind === 'forbidden' || state.kind === 'absent')
      logger.warn(`which node announces which address is not written to ${form.resource.kind} objects`, {
        reason: state.cause.message,
      });
  }

  #changed(): void {
    if (this.#isComplete) this.#options.onChange(this.#all);
  }
}

function decode<S extends NodeStatus>(raw: RawObject, form: NodeStatusForm<S>): NamedStatus<S> {
  const { name, uid = '' } = raw.metadata;
  const annotations = isRecord(raw.metadata['annotations']) ? raw.metadata['annotations'] : {};
  const status = isRecord(raw['status']) ? raw['status'] : {};
  const annotation = (key: string): string => textOf(annotations[key]);
  const addresses = annotation(ADDRESSES)
    .split(',')
    .flatMap((text) => ipAddressOf(text) ?? [])
    .sort();
  const decoded = form.decode({
    node: textOf(status['node']),
    service: `${textOf(status['serviceNamespace'])}/${textOf(status['serviceName'])}`,
    since: annotation(SINCE),
    status,
    addresses,
    annotation,
  });
  return { name, status: { ...decoded, uid } };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
