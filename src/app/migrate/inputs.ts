import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeClient } from '../../kube/client.ts';
import type { Resource } from '../../kube/resource.ts';
import { isRecord } from '../../lib/is-record.ts';
import { parseFile } from '../../sources/manifests/document.ts';
import { listFolder, statusOf } from '../../sources/manifests/listing.ts';

/** An object as it was written, of a kind that a move is about. */
export interface WrittenObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly raw: Readonly<Record<string, unknown>>;
}

/** Their kinds, as an API server serves them. */
const RESOURCES: readonly Resource[] = [
  resource('networking.k8s.io', 'Ingress', 'ingresses'),
  resource('apps', 'Deployment', 'deployments'),
  resource('apps', 'DaemonSet', 'daemonsets'),
  resource('', 'ConfigMap', 'configmaps'),
  resource('', 'Service', 'services'),
];

function resource(group: string, kind: string, plural: string): Resource {
  return { group, version: 'v1', kind, plural, isNamespaced: true };
}

/** Of a folder or file, what can be read; a file that is broken is reported by whoever admits it. @throws what the file system throws */
export function writtenInFolder(root: string): readonly WrittenObject[] {
  const files = statusOf(root).isFolder
    ? [...listFolder(root).files.keys()].sort().map((name) => join(root, name))
    : [root];
  return files.flatMap((file) => {
    const parsed = parseFile(readFileSync(file, 'utf8'));
    if (parsed.kind === 'broken') return [];
    return parsed.documents.flatMap(({ json }) => writtenObject(JSON.parse(json)) ?? []);
  });
}

/** Of an API server, in these namespaces or in all. @throws ApiFault where it refuses one of the kinds, Fault where it cannot be reached */
export async function writtenInCluster(
  client: KubeClient,
  namespaces: readonly string[] | undefined,
): Promise<readonly WrittenObject[]> {
  const found: WrittenObject[] = [];
  for (const each of RESOURCES) {
    for (const namespace of namespaces ?? [undefined]) {
      const { objects } = await client.list({ resource: each, namespace }, (object) => writtenObject(object));
      found.push(...objects);
    }
  }
  return found;
}

function writtenObject(raw: unknown): WrittenObject | undefined {
  if (!isRecord(raw) || !isRecord(raw['metadata'])) return undefined;
  const { kind, metadata } = raw;
  const { name, namespace, annotations } = raw['metadata'];
  const isWanted = RESOURCES.some((each) => each.kind === kind);
  if (!isWanted || typeof kind !== 'string' || typeof name !== 'string' || !isRecord(metadata)) return undefined;
  const texts = Object.entries(isRecord(annotations) ? annotations : {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return {
    kind,
    namespace: typeof namespace === 'string' && namespace !== '' ? namespace : 'default',
    name,
    annotations: Object.fromEntries(texts),
    raw,
  };
}

/** A workload that runs ingress-nginx, and the arguments of its controller, with what kubelet puts in. */
export interface NginxWorkload {
  readonly object: WrittenObject;
  readonly arguments: readonly string[];
}

/** The workloads with a container of ingress-nginx: by the name of its executable, or of its image. */
export function nginxWorkloads(objects: readonly WrittenObject[]): readonly NginxWorkload[] {
  return objects.flatMap((object) => {
    if (object.kind !== 'Deployment' && object.kind !== 'DaemonSet') return [];
    const container = containersOf(object.raw).find(isController);
    if (container === undefined) return [];
    const words = [...textsOf(container['command']), ...textsOf(container['args'])];
    // The wrapper that images have begun with, and the executable.
    const own = words.filter((word) => !/^(?:\/usr\/bin\/dumb-init|--|\/nginx-ingress-controller)$/.test(word));
    return [{ object, arguments: own.map((word) => withVariables(word, object, container)) }];
  });
}

/** The containers of a workload. */
export function containersOf(raw: unknown): readonly Readonly<Record<string, unknown>>[] {
  const list = ['spec', 'template', 'spec', 'containers'].reduce<unknown>(
    (value, key) => (isRecord(value) ? value[key] : undefined),
    raw,
  );
  return Array.isArray(list) ? list.filter(isRecord) : [];
}

function isController(container: Readonly<Record<string, unknown>>): boolean {
  const words = [...textsOf(container['command']), ...textsOf(container['args'])];
  const { image } = container;
  const isImage = typeof image === 'string' && /ingress-nginx\/controller|nginx-ingress-controller/.test(image);
  return isImage || words.some((word) => word.endsWith('/nginx-ingress-controller'));
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** As kubelet does: from the environment of the container, where it says the value or that it is the namespace or name of the pod. */
function withVariables(
  word: string,
  { namespace }: WrittenObject,
  container: Readonly<Record<string, unknown>>,
): string {
  const { env } = container;
  const variables = Array.isArray(env) ? env.filter(isRecord) : [];
  return word.replaceAll(/\$\(([A-Za-z_]\w*)\)/g, (written, name: string) => {
    const variable = variables.find((item) => item['name'] === name);
    const value = variable?.['value'];
    if (typeof value === 'string') return value;
    return JSON.stringify(variable?.['valueFrom'] ?? '').includes('metadata.namespace') ? namespace : written;
  });
}
