import { isDnsLabel, isDnsSubdomain } from '../../model/grammar.ts';
import type { Finding } from '../../model/finding.ts';
import { isKind, rowOf, type Kind } from '../../model/kinds.ts';
import { idOf, keyOf, type ObjectMeta, type ObjectRef } from '../../model/object.ts';
import type { Change, ObservedChange } from '../change.ts';
import { admitAddressPool } from './address-pool.ts';
import { admitBfdProfile } from './bfd-profile.ts';
import { admitBgpAdvertisement } from './bgp-advertisement.ts';
import { admitBgpPeer } from './bgp-peer.ts';
import { admitCommunityNames } from './community.ts';
import { admitConfigMap } from './config-map.ts';
import { admitEndpoints, admitEndpointSlice } from './endpoints.ts';
import { Field, Findings, isRecord, shown, type Origin } from './field.ts';
import { admitBackendTlsPolicy } from './gateway/backend-tls-policy.ts';
import { admitGatewayClass } from './gateway/gateway-class.ts';
import { admitGateway } from './gateway/gateway.ts';
import { admitGrpcRoute } from './gateway/grpc-route.ts';
import { admitHttpRoute } from './gateway/http-route.ts';
import { admitReferenceGrant } from './gateway/reference-grant.ts';
import { admitIngress, admitIngressClass } from './ingress.ts';
import { reportUnknownFields } from './known-fields.ts';
import { admitL2Advertisement } from './l2-advertisement.ts';
import { admitNamespace } from './namespace.ts';
import { admitNode } from './node.ts';
import { observe } from './observe.ts';
import { admitSecret } from './secret.ts';
import { admitServiceCidr } from './service-cidr.ts';
import { admitService } from './service.ts';

/** What became of one raw object. */
export interface Admission {
  readonly ref: ObjectRef;
  /** Puts the object into its table; undefined where nothing of it can be used. */
  readonly change: Change | undefined;
  readonly findings: readonly Finding[];
  /** What an API server shows of it beside; undefined for kinds whose status is not written. */
  readonly observed: ObservedChange | undefined;
}

/** Admits one object of one kind: never throws, whatever is in it. */
type Admit = (raw: Field, meta: ObjectMeta) => Change | undefined;

const ADMIT: Readonly<Record<Kind, Admit>> = {
  Ingress: admitIngress,
  IngressClass: admitIngressClass,
  Service: admitService,
  EndpointSlice: admitEndpointSlice,
  Endpoints: admitEndpoints,
  Node: admitNode,
  ServiceCIDR: admitServiceCidr,
  Secret: admitSecret,
  ConfigMap: admitConfigMap,
  Namespace: admitNamespace,
  IPAddressPool: admitAddressPool,
  L2Advertisement: admitL2Advertisement,
  GatewayClass: admitGatewayClass,
  Gateway: admitGateway,
  HTTPRoute: admitHttpRoute,
  GRPCRoute: admitGrpcRoute,
  ReferenceGrant: admitReferenceGrant,
  BackendTLSPolicy: admitBackendTlsPolicy,
  BGPPeer: admitBgpPeer,
  BGPAdvertisement: admitBgpAdvertisement,
  BFDProfile: admitBfdProfile,
  Community: admitCommunityNames,
};

/**
 * Turns a raw Kubernetes object into the model. Undefined for kinds that Sluice does not read.
 *
 * What cannot be understood becomes a Finding with its JSON path, and as much of the rest as is
 * safe is kept: one bad host does not take the other hosts of its Ingress down.
 */
export function admitObject(raw: unknown, origin: Origin = 'manifest'): Admission | undefined {
  if (!isRecord(raw)) return undefined;
  const { apiVersion, kind } = raw;
  if (!isKind(kind) || typeof apiVersion !== 'string') return undefined;
  const { apiVersions, scope } = rowOf(kind);
  if (!apiVersions.includes(apiVersion)) return undefined;
  const metadata = isRecord(raw['metadata']) ? raw['metadata'] : {};
  const name = typeof metadata['name'] === 'string' ? metadata['name'] : '';
  const given =
    typeof metadata['namespace'] === 'string' && metadata['namespace'] !== '' ? metadata['namespace'] : 'default';
  const namespace = scope === 'namespace' ? given : '';
  const isNameable = isDnsSubdomain(name) && (namespace === '' || isDnsLabel(namespace));
  const ref: ObjectRef = {
    kind,
    namespace: isNameable ? namespace : '',
    name: isNameable ? name : safeName(name),
  };
  const findings = new Findings(ref, origin);
  if (!isNameable) {
    const field = isDnsSubdomain(name) ? 'metadata.namespace' : 'metadata.name';
    findings.add('NameInvalid', field, `${shown(field === 'metadata.name' ? name : namespace)} is not a valid name`);
    return { ref, change: undefined, findings: findings.list, observed: undefined };
  }
  const root = new Field(raw, '', findings);
  // Before the rest: what an absent field would open stays closed where one is there that may be it, misspelt.
  if (origin === 'manifest') reportUnknownFields(root, kind);
  const change = ADMIT[kind](root, metaOf(metadata, ref));
  return { ref, change, findings: findings.list, observed: observe(kind, raw, keyOf(ref)) };
}

/** The key of an object's Findings in the Store. */
export function findingsKey(ref: ObjectRef): string {
  return idOf(ref);
}

function metaOf(metadata: Readonly<Record<string, unknown>>, ref: ObjectRef): ObjectMeta {
  const { uid, creationTimestamp } = metadata;
  const created =
    creationTimestamp instanceof Date ? creationTimestamp.getTime() : Date.parse(String(creationTimestamp));
  return {
    namespace: ref.namespace,
    name: ref.name,
    uid: typeof uid === 'string' ? uid : '',
    createdMs: Number.isFinite(created) ? created : 0,
  };
}

/** A name that breaks the grammar, made fit to be shown and used as a key. */
function safeName(name: string): string {
  const cleaned = name.slice(0, 60).replaceAll(/[^A-Za-z0-9.-]/g, '_');
  return cleaned === '' ? '(no-name)' : cleaned;
}
