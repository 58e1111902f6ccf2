import { nearestOf } from '../../lib/nearest.ts';
import type { Kind } from '../../model/kinds.ts';
import { LABEL_SELECTOR, type FieldShape, type ObjectShape } from './field-shape.ts';
import { shown, type Field } from './field.ts';
import { GATEWAY_FIELDS } from './gateway/known-fields.ts';
import { oddCharacterIn } from './odd-characters.ts';

/** ObjectMeta (meta/v1), with what older versions had. */
const METADATA: FieldShape = {
  name: 'any',
  generateName: 'any',
  namespace: 'any',
  selfLink: 'any',
  uid: 'any',
  resourceVersion: 'any',
  generation: 'any',
  creationTimestamp: 'any',
  deletionTimestamp: 'any',
  deletionGracePeriodSeconds: 'any',
  labels: 'any',
  annotations: 'any',
  ownerReferences: 'any',
  finalizers: 'any',
  managedFields: 'any',
  clusterName: 'any',
  initializers: 'any',
};

const INGRESS_BACKEND: FieldShape = {
  service: { name: 'any', port: { name: 'any', number: 'any' } },
  resource: { apiGroup: 'any', kind: 'any', name: 'any' },
  serviceName: 'any',
  servicePort: 'any',
};

const ENDPOINT_ADDRESS: FieldShape = { ip: 'any', hostname: 'any', nodeName: 'any', targetRef: 'any' };

const ENDPOINT_PORT: FieldShape = { name: 'any', port: 'any', protocol: 'any', appProtocol: 'any' };

/** What each kind has besides apiVersion, kind and metadata, in all versions that are read (k8s.io/api 0.36 and before, Gateway API 1.6). */
export const KNOWN_FIELDS: Readonly<Record<Kind, ObjectShape>> = {
  Ingress: {
    spec: {
      ingressClassName: 'any',
      defaultBackend: INGRESS_BACKEND,
      backend: INGRESS_BACKEND,
      tls: [{ hosts: 'any', secretName: 'any' }],
      rules: [{ host: 'any', http: { paths: [{ path: 'any', pathType: 'any', backend: INGRESS_BACKEND }] } }],
    },
    status: 'any',
  },
  IngressClass: { spec: { controller: 'any', parameters: 'any' } },
  Service: {
    spec: {
      ports: [{ name: 'any', protocol: 'any', appProtocol: 'any', port: 'any', targetPort: 'any', nodePort: 'any' }],
      selector: 'any',
      clusterIP: 'any',
      clusterIPs: 'any',
      type: 'any',
      externalIPs: 'any',
      sessionAffinity: 'any',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 'any' } },
      loadBalancerIP: 'any',
      loadBalancerSourceRanges: 'any',
      loadBalancerClass: 'any',
      externalName: 'any',
      externalTrafficPolicy: 'any',
      internalTrafficPolicy: 'any',
      healthCheckNodePort: 'any',
      publishNotReadyAddresses: 'any',
      ipFamily: 'any',
      ipFamilies: 'any',
      ipFamilyPolicy: 'any',
      allocateLoadBalancerNodePorts: 'any',
      trafficDistribution: 'any',
      topologyKeys: 'any',
    },
    status: 'any',
  },
  EndpointSlice: {
    addressType: 'any',
    endpoints: [
      {
        addresses: 'any',
        conditions: { ready: 'any', serving: 'any', terminating: 'any' },
        hostname: 'any',
        targetRef: 'any',
        deprecatedTopology: 'any',
        topology: 'any',
        nodeName: 'any',
        zone: 'any',
        hints: { forZones: 'any', forNodes: 'any' },
      },
    ],
    ports: [ENDPOINT_PORT],
  },
  Endpoints: {
    subsets: [{ addresses: [ENDPOINT_ADDRESS], notReadyAddresses: [ENDPOINT_ADDRESS], ports: [ENDPOINT_PORT] }],
  },
  Node: {
    spec: {
      podCIDR: 'any',
      podCIDRs: 'any',
      providerID: 'any',
      unschedulable: 'any',
      taints: 'any',
      configSource: 'any',
      externalID: 'any',
    },
    status: 'any',
  },
  ServiceCIDR: { spec: { cidrs: 'any' }, status: 'any' },
  ConfigMap: { data: 'any', binaryData: 'any', immutable: 'any' },
  Namespace: { spec: 'any', status: 'any' },
  IPAddressPool: {
    spec: {
      addresses: 'any',
      autoAssign: 'any',
      avoidBuggyIPs: 'any',
      serviceAllocation: {
        priority: 'any',
        namespaces: 'any',
        namespaceSelectors: [LABEL_SELECTOR],
        serviceSelectors: [LABEL_SELECTOR],
      },
    },
    status: 'any',
  },
  L2Advertisement: {
    spec: {
      ipAddressPools: 'any',
      ipAddressPoolSelectors: [LABEL_SELECTOR],
      nodeSelectors: [LABEL_SELECTOR],
      interfaces: 'any',
      serviceSelectors: [LABEL_SELECTOR],
      preferredNodeSelectors: [{ weight: 'any', preference: LABEL_SELECTOR }],
    },
    status: 'any',
  },
  BGPPeer: {
    spec: {
      myASN: 'any',
      peerASN: 'any',
      dynamicASN: 'any',
      localASN: 'any',
      peerAddress: 'any',
      interface: 'any',
      sourceAddress: 'any',
      peerPort: 'any',
      holdTime: 'any',
      keepaliveTime: 'any',
      connectTime: 'any',
      routerID: 'any',
      nodeSelectors: [LABEL_SELECTOR],
      password: 'any',
      passwordSecret: { name: 'any', namespace: 'any' },
      bfdProfile: 'any',
      enableGracefulRestart: 'any',
      ebgpMultiHop: 'any',
      vrf: 'any',
      disableMP: 'any',
      dualStackAddressFamily: 'any',
    },
    status: 'any',
  },
  BGPAdvertisement: {
    spec: {
      aggregationLength: 'any',
      aggregationLengthV6: 'any',
      localPref: 'any',
      communities: 'any',
      ipAddressPools: 'any',
      ipAddressPoolSelectors: [LABEL_SELECTOR],
      nodeSelectors: [LABEL_SELECTOR],
      peers: 'any',
      serviceSelectors: [LABEL_SELECTOR],
    },
    status: 'any',
  },
  BFDProfile: {
    spec: {
      receiveInterval: 'any',
      transmitInterval: 'any',
      detectMultiplier: 'any',
      echoInterval: 'any',
      echoMode: 'any',
      passiveMode: 'any',
      minimumTtl: 'any',
    },
    status: 'any',
  },
  Community: { spec: { communities: [{ name: 'any', value: 'any' }] }, status: 'any' },
  Secret: { immutable: 'any', data: 'any', stringData: 'any', type: 'any' },
  ...GATEWAY_FIELDS,
};

/**
 * Reports every field of an object that its kind does not have. An API server drops them, with a warning that many tools hide; in a
 * file they stand as if they had an effect.
 */
export function reportUnknownFields(raw: Field, kind: Kind): void {
  const own = KNOWN_FIELDS[kind];
  reportIn(raw, { apiVersion: 'any', kind: 'any', metadata: METADATA, ...own }, own);
}

function reportIn(field: Field, shape: FieldShape, ofKind: ObjectShape): void {
  if (shape === 'any') return;
  if (isListShape(shape)) {
    if (field.isList) for (const item of field.items()) reportIn(item, shape[0], ofKind);
    return;
  }
  for (const name of field.names()) {
    const known = shape[name];
    if (known !== undefined) reportIn(field.at(name), known, ofKind);
    else reportUnknown(field, name, Object.keys(shape), ofKind);
  }
}

function isListShape(shape: Exclude<FieldShape, 'any'>): shape is readonly [FieldShape] {
  return Array.isArray(shape);
}

function reportUnknown(field: Field, name: string, siblings: readonly string[], ofKind: ObjectShape): void {
  field.markUnknown(name);
  const odd = oddCharacterIn(name);
  const plain = odd === undefined ? name : name.replaceAll(/[^\x21-\x7e]/g, '');
  const near = nearestOf(plain, siblings) ?? elsewhere(field, plain, ofKind);
  const hint = near === undefined ? `it has ${siblings.join(', ')}` : `did you mean ${near}?`;
  const why = odd === undefined ? hint : `it has ${odd}, which YAML takes for a letter`;
  const remedy = odd === undefined ? undefined : 'Type the line anew instead of copying it.';
  field
    .at(name)
    .add('FieldUnknown', `there is no field ${shown(name)} here; ${why}`, remedy ?? (near && `Write ${near} instead.`));
}

/** A field of metadata or spec that was written beside it. */
function elsewhere(field: Field, name: string, ofKind: ObjectShape): string | undefined {
  if (field.path !== '') return undefined;
  const { spec } = ofKind;
  if (typeof METADATA === 'object' && Object.hasOwn(METADATA, name)) return `metadata.${name}`;
  return typeof spec === 'object' && Object.hasOwn(spec, name) ? `spec.${name}` : undefined;
}
