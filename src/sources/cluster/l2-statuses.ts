import type { KubeClient } from '../../kube/client.ts';
import type { RawObject } from '../../kube/raw-object.ts';
import type { ReflectionConsumer, ReflectionState } from '../../kube/reflection.ts';
import type { Resource } from '../../kube/resource.ts';
import { isRecord } from '../../lib/is-record.ts';
import type { Logger } from '../../lib/logger.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { ipAddressOf } from '../../model/grammar.ts';
import type { L2Status, ObservedL2Status } from '../../model/l2-status.ts';

export const L2_STATUS_RESOURCE: Resource = {
  group: 'metallb.io',
  version: 'v1beta1',
  plural: 'servicel2statuses',
  kind: 'ServiceL2Status',
  isNamespaced: true,
};

/** What MetalLB's kind has no field for. */
const ADDRESSES = 'sluice.dev/addresses';
const SINCE = 'sluice.dev/since';
const WHY = 'sluice.dev/why';

/** The longest value that a label may have (Kubernetes). */
const LABEL_BYTES = 63;

/** The labels by which MetalLB finds them, but for a name that is too long for one, and what has no field. */
export function l2StatusMetadata({
  node,
  service,
  addresses,
  since,
  why,
}: L2Status): Readonly<Record<string, unknown>> {
  const [namespace = '', name = ''] = service.split('/');
  return {
    labels: {
      ...(node.length <= LABEL_BYTES && { 'metallb.io/node': node }),
      'metallb.io/service-name': name,
      'metallb.io/service-namespace': namespace,
    },
    annotations: { [ADDRESSES]: addresses.join(','), [SINCE]: since, [WHY]: why },
  };
}

/** The status of such an object. */
export function l2StatusFields({ node, service, interfaces }: L2Status): Readonly<Record<string, unknown>> {
  const [serviceNamespace, serviceName] = service.split('/');
  return { node, serviceName, serviceNamespace, interfaces: interfaces.map((name) => ({ name })) };
}

export interface L2StatusesOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly logger: Logger;
  /** Called with all of them whenever there are others, and once when all have been read. */
  readonly onChange: (statuses: PersistentMap<ObservedL2Status>) => void;
}

/** The ServiceL2Status objects of all nodes: what each says that it answers for. */
export class L2Statuses implements ReflectionConsumer<NamedStatus> {
  readonly #options: L2StatusesOptions;
  #all = PersistentMap.empty<ObservedL2Status>();
  #isComplete = false;

  constructor(options: L2StatusesOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { client, namespace } = this.#options;
    const selection = { resource: L2_STATUS_RESOURCE, namespace };
    await client.reflector({ selection, project: decode, consumer: this, isRequired: false }).run(signal);
  }

  replace(statuses: readonly NamedStatus[]): void {
    this.#all = PersistentMap.from(statuses.map(({ name, status }) => [name, status]));
    this.#isComplete = true;
    this.#changed();
  }

  upsert({ name, status }: NamedStatus): void {
    this.#all = this.#all.set(name, status);
    this.#changed();
  }

  remove(_namespace: string, name: string): void {
    this.#all = this.#all.delete(name);
    this.#changed();
  }

  state(state: ReflectionState): void {
    if (state.kind === 'forbidden' || state.kind === 'absent')
      this.#options.logger.warn('which node answers for which address is not written to ServiceL2Status objects', {
        reason: state.cause.message,
      });
  }

  #changed(): void {
    if (this.#isComplete) this.#options.onChange(this.#all);
  }
}

interface NamedStatus {
  readonly name: string;
  readonly status: ObservedL2Status;
}

function decode(raw: RawObject): NamedStatus {
  const { name, uid = '' } = raw.metadata;
  const annotations = isRecord(raw.metadata['annotations']) ? raw.metadata['annotations'] : {};
  const status = isRecord(raw['status']) ? raw['status'] : {};
  const { interfaces } = status;
  const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
  return {
    name,
    status: {
      uid,
      node: textOf(status['node']),
      service: `${textOf(status['serviceNamespace'])}/${textOf(status['serviceName'])}`,
      interfaces: (Array.isArray(interfaces) ? interfaces : [])
        .flatMap((item: unknown) => (isRecord(item) && typeof item['name'] === 'string' ? [item['name']] : []))
        .sort(),
      addresses: textOf(annotations[ADDRESSES])
        .split(',')
        .flatMap((text) => ipAddressOf(text) ?? [])
        .sort(),
      since: textOf(annotations[SINCE]),
      why: textOf(annotations[WHY]),
    },
  };
}
