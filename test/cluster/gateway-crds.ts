/**
 * CustomResourceDefinitions of Gateway API, as far as it matters to whoever writes status: which lists the server takes for maps, and what
 * it writes into a new object by itself. What is in `spec` is nobody's business here.
 */

const ANYTHING = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

function mapBy(key: string, properties: Readonly<Record<string, unknown>> = {}): object {
  const items = { ...ANYTHING, required: [key], properties: { [key]: { type: 'string' }, ...properties } };
  return { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key], items };
}

/** What a new object shows until a controller has looked at it (`+kubebuilder:default` of `status`). */
function pending(...types: readonly string[]): object {
  const rest = { status: 'Unknown', reason: 'Pending', message: 'Waiting for controller', observedGeneration: 0 };
  return { conditions: types.map((type) => ({ type, ...rest, lastTransitionTime: '1970-01-01T00:00:00Z' })) };
}

const CONDITIONS = mapBy('type');

const KINDS = [
  [
    'GatewayClass',
    'gatewayclasses',
    'Cluster',
    { conditions: CONDITIONS, supportedFeatures: mapBy('name') },
    ['Accepted'],
  ],
  [
    'Gateway',
    'gateways',
    'Namespaced',
    { conditions: CONDITIONS, listeners: mapBy('name', { conditions: CONDITIONS }) },
    ['Accepted', 'Programmed'],
  ],
  ['HTTPRoute', 'httproutes', 'Namespaced', { parents: { type: 'array', items: ANYTHING } }, []],
  ['ReferenceGrant', 'referencegrants', 'Namespaced', {}, []],
] as const;

/** The definitions as JSON documents, one a line. */
export function gatewayCrds(): string {
  const documents = KINDS.map(([kind, plural, scope, properties, types]) => {
    const status = { ...ANYTHING, properties, ...(types.length === 0 ? {} : { default: pending(...types) }) };
    const schema = { openAPIV3Schema: { type: 'object', properties: { spec: ANYTHING, status } } };
    const version = (name: string, storage: boolean): object => ({
      name,
      served: true,
      storage,
      schema,
      subresources: { status: {} },
    });
    const group = 'gateway.networking.k8s.io';
    const names = { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` };
    return JSON.stringify({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: {
        name: `${plural}.${group}`,
        // The server asks for this where a group of Kubernetes is defined by somebody.
        annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/gateway-api/pull/2466' },
      },
      spec: { group, scope, names, versions: [version('v1', true), version('v1beta1', false)] },
    });
  });
  return documents.join('\n---\n');
}
