/**
 * What a refusal (403) or an unknown resource (404) of the API server means.
 * - `required`: every cluster has the kind. Without it, what was read before is stale, and a start waits.
 * - `optional`: Roles of namespaces alone cannot grant it. What is refused for long is done without, and a Finding says so.
 * - `custom`: a CRD, which comes and goes, or a kind of newer versions. Without it there are no such objects; it is looked for again.
 */
export type Presence = 'required' | 'optional' | 'custom';

/** What the house knows of one kind of Kubernetes objects. */
interface KindRow {
  /**
   * Every apiVersion in which the kind is read from manifests, the preferred one first. Only that one is asked of an API server,
   * which converts, and stands in references to objects.
   */
  readonly apiVersions: readonly [string, ...string[]];
  /** The name in URLs and RBAC rules. */
  readonly plural: string;
  readonly scope: 'namespace' | 'cluster';
  readonly presence: Presence;
  /** Where the objects stand in the Snapshot; `Models` there names their type. */
  readonly table: string;
}

/**
 * Every kind of Kubernetes objects that Sluice reads, one row a kind. All that goes by kind derives from here: the tables of the
 * Snapshot, admission, watches, references in Events, counts. What `deploy/` grants is held to it by a test.
 */
export const KINDS = {
  Ingress: {
    apiVersions: ['networking.k8s.io/v1', 'networking.k8s.io/v1beta1', 'extensions/v1beta1'],
    plural: 'ingresses',
    scope: 'namespace',
    presence: 'required',
    table: 'ingresses',
  },
  IngressClass: {
    apiVersions: ['networking.k8s.io/v1', 'networking.k8s.io/v1beta1'],
    plural: 'ingressclasses',
    scope: 'cluster',
    presence: 'optional',
    table: 'ingressClasses',
  },
  Service: {
    apiVersions: ['v1'],
    plural: 'services',
    scope: 'namespace',
    presence: 'required',
    table: 'services',
  },
  EndpointSlice: {
    apiVersions: ['discovery.k8s.io/v1', 'discovery.k8s.io/v1beta1'],
    plural: 'endpointslices',
    scope: 'namespace',
    presence: 'required',
    table: 'endpointSlices',
  },
  // Never asked of an API server, which mirrors them into slices.
  Endpoints: {
    apiVersions: ['v1'],
    plural: 'endpoints',
    scope: 'namespace',
    presence: 'required',
    table: 'endpointSlices',
  },
  Node: {
    apiVersions: ['v1'],
    plural: 'nodes',
    scope: 'cluster',
    presence: 'required',
    table: 'nodes',
  },
  // Since Kubernetes 1.33.
  ServiceCIDR: {
    apiVersions: ['networking.k8s.io/v1'],
    plural: 'servicecidrs',
    scope: 'cluster',
    presence: 'custom',
    table: 'serviceCidrs',
  },
  Secret: {
    apiVersions: ['v1'],
    plural: 'secrets',
    scope: 'namespace',
    presence: 'required',
    table: 'secrets',
  },
  ConfigMap: {
    apiVersions: ['v1'],
    plural: 'configmaps',
    scope: 'namespace',
    presence: 'required',
    table: 'configMaps',
  },
  Namespace: {
    apiVersions: ['v1'],
    plural: 'namespaces',
    scope: 'cluster',
    presence: 'optional',
    table: 'namespaces',
  },
  IPAddressPool: {
    apiVersions: ['metallb.io/v1beta1'],
    plural: 'ipaddresspools',
    scope: 'namespace',
    presence: 'custom',
    table: 'addressPools',
  },
  L2Advertisement: {
    apiVersions: ['metallb.io/v1beta1'],
    plural: 'l2advertisements',
    scope: 'namespace',
    presence: 'custom',
    table: 'l2Advertisements',
  },
  // Those of Gateway API are read in a cluster where it is asked for (--gateway-api).
  GatewayClass: {
    apiVersions: ['gateway.networking.k8s.io/v1', 'gateway.networking.k8s.io/v1beta1'],
    plural: 'gatewayclasses',
    scope: 'cluster',
    presence: 'custom',
    table: 'gatewayClasses',
  },
  Gateway: {
    apiVersions: ['gateway.networking.k8s.io/v1', 'gateway.networking.k8s.io/v1beta1'],
    plural: 'gateways',
    scope: 'namespace',
    presence: 'custom',
    table: 'gateways',
  },
  HTTPRoute: {
    apiVersions: ['gateway.networking.k8s.io/v1', 'gateway.networking.k8s.io/v1beta1'],
    plural: 'httproutes',
    scope: 'namespace',
    presence: 'custom',
    table: 'httpRoutes',
  },
  GRPCRoute: {
    apiVersions: ['gateway.networking.k8s.io/v1', 'gateway.networking.k8s.io/v1alpha2'],
    plural: 'grpcroutes',
    scope: 'namespace',
    presence: 'custom',
    table: 'grpcRoutes',
  },
  // Older CRDs serve v1beta1 alone.
  ReferenceGrant: {
    apiVersions: ['gateway.networking.k8s.io/v1beta1', 'gateway.networking.k8s.io/v1'],
    plural: 'referencegrants',
    scope: 'namespace',
    presence: 'custom',
    table: 'referenceGrants',
  },
  // Since Gateway API 1.4 in this version.
  BackendTLSPolicy: {
    apiVersions: ['gateway.networking.k8s.io/v1', 'gateway.networking.k8s.io/v1alpha3'],
    plural: 'backendtlspolicies',
    scope: 'namespace',
    presence: 'custom',
    table: 'backendTlsPolicies',
  },
  BGPPeer: {
    apiVersions: ['metallb.io/v1beta2', 'metallb.io/v1beta1'],
    plural: 'bgppeers',
    scope: 'namespace',
    presence: 'custom',
    table: 'bgpPeers',
  },
  BGPAdvertisement: {
    apiVersions: ['metallb.io/v1beta1'],
    plural: 'bgpadvertisements',
    scope: 'namespace',
    presence: 'custom',
    table: 'bgpAdvertisements',
  },
  BFDProfile: {
    apiVersions: ['metallb.io/v1beta1'],
    plural: 'bfdprofiles',
    scope: 'namespace',
    presence: 'custom',
    table: 'bfdProfiles',
  },
  Community: {
    apiVersions: ['metallb.io/v1beta1'],
    plural: 'communities',
    scope: 'namespace',
    presence: 'custom',
    table: 'communities',
  },
} as const satisfies Readonly<Record<string, KindRow>>;

/** A kind of objects that Sluice reads. */
export type Kind = keyof typeof KINDS;

/** Where objects of `K` stand in the Snapshot. */
export type TableOfKind<K extends Kind> = (typeof KINDS)[K]['table'];

/** A kind as the API server serves it: what a URL, a reference and an error message need to know. */
export interface KindResource {
  readonly kind: Kind;
  /** API group; empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly isNamespaced: boolean;
}

/** All kinds, in the order of the register, whose keys are exactly the members of the type. */
export const ALL_KINDS = Object.keys(KINDS) as readonly Kind[];

/** Whether `text` names a kind that Sluice reads. */
export function isKind(text: unknown): text is Kind {
  return typeof text === 'string' && Object.hasOwn(KINDS, text);
}

/** The row of a kind, as any other row. */
export function rowOf(kind: Kind): KindRow {
  return KINDS[kind];
}

/** The `apiVersion` by which an object of this kind is referred to. */
export function apiVersionOfKind(kind: Kind): string {
  return rowOf(kind).apiVersions[0];
}

/** Where the API server has the kind. */
export function resourceOf(kind: Kind): KindResource {
  const { plural, scope } = rowOf(kind);
  const { group, version } = groupVersionOf(apiVersionOfKind(kind));
  return { kind, group, version, plural, isNamespaced: scope === 'namespace' };
}

/** `networking.k8s.io/v1` in its parts; the group of `v1` is the core group, which is empty. */
export function groupVersionOf(apiVersion: string): { readonly group: string; readonly version: string } {
  const slash = apiVersion.indexOf('/');
  return { group: apiVersion.slice(0, Math.max(0, slash)), version: apiVersion.slice(slash + 1) };
}
