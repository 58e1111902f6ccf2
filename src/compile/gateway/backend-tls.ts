import { digestOf } from '../../lib/digest.ts';
import type { PersistentMap } from '../../lib/persistent-map.ts';
import type { Authorities } from '../../model/authorities.ts';
import type { BackendTlsPolicy } from '../../model/gateway/backend-tls-policy.ts';
import type { ObjectReference } from '../../model/gateway/reference.ts';
import type { EndpointTls } from '../../model/http/endpoint-connection.ts';
import { byAge, keyOf } from '../../model/object.ts';
import type { ServicePort } from '../../model/service.ts';
import { answerAboutConfigMap, type Snapshot } from '../../model/snapshot.ts';
import { no, yes, type Verdict } from './condition.ts';

/** What becomes of a BackendTLSPolicy. */
export interface BackendTlsVerdict {
  readonly accepted: Verdict;
  readonly resolved: Verdict;
  /** Undefined where endpoints cannot be verified as it asks, so that no request may be sent to them. */
  readonly tls: EndpointTls | undefined;
  /** Whether something that it refers to has not been read yet: nothing is said of it until then. */
  readonly isPending: boolean;
}

type Policies = PersistentMap<BackendTlsPolicy>;
type Known = Pick<Snapshot, 'backendTlsPolicies' | 'configMaps' | 'unread' | 'complete'>;

/** The policies of a table by the Services that they are for, the oldest first. There is one table for thousands of backends. */
const byService = new WeakMap<Policies, ReadonlyMap<string, readonly BackendTlsPolicy[]>>();

/** The policies for a Service, whichever of its ports they are for, in their order of precedence: the oldest, then the first by name. */
export function policiesFor(serviceKey: string, policies: Policies): readonly BackendTlsPolicy[] {
  let known = byService.get(policies);
  if (known === undefined) {
    const found = new Map<string, BackendTlsPolicy[]>();
    for (const policy of [...policies.values()].sort((a, b) => byAge(a.meta, b.meta)))
      for (const service of new Set(policy.targets.filter(isService).map((target) => serviceOf(policy, target.name))))
        found.set(service, [...(found.get(service) ?? []), policy]);
    known = found;
    byService.set(policies, known);
  }
  return known.get(serviceKey) ?? [];
}

/** The policy in force for a port of a Service: one that names the port before one for all of them. */
export function policyInForce(
  serviceKey: string,
  port: ServicePort | undefined,
  policies: Policies,
): BackendTlsPolicy | undefined {
  const all = policiesFor(serviceKey, policies);
  const withSection = (section: string | undefined): BackendTlsPolicy | undefined =>
    all.find((policy) => selects(policy, serviceKey, section));
  // The port without a name has none that a policy could give.
  const named = port === undefined || port.name === '' ? undefined : withSection(port.name);
  return named ?? withSection(undefined);
}

function selects(policy: BackendTlsPolicy, serviceKey: string, section: string | undefined): boolean {
  return policy.targets.some(
    (target) => isService(target) && serviceOf(policy, target.name) === serviceKey && target.sectionName === section,
  );
}

function isService({ group, kind }: { readonly group: string; readonly kind: string }): boolean {
  return group === '' && kind === 'Service';
}

function serviceOf({ meta }: BackendTlsPolicy, name: string): string {
  return keyOf({ namespace: meta.namespace, name });
}

/** What a policy asks for, and whether it can be had. */
export function backendTlsVerdict(policy: BackendTlsPolicy, snapshot: Known): BackendTlsVerdict {
  const { authorities: references, wellKnownAuthorities, hostname, unsupported } = policy;
  const found = references.map((reference) => authoritiesAt(reference, policy, snapshot));
  const mistakes = found.flatMap((one) => (one.kind === 'mistake' ? [one.verdict] : []));
  const usable = found.flatMap((one) => (one.kind === 'found' ? [one.authorities] : []));
  const resolved = mistakes[0] ?? yes('ResolvedRefs');
  const isPending = found.some(({ kind }) => kind === 'pending');
  const accepted = lostTo(policy, snapshot.backendTlsPolicies) ?? invalidIn(policy) ?? noAuthorities(usable, policy);
  if (accepted !== undefined || hostname === undefined || unsupported.length > 0)
    return { accepted: accepted ?? yes('Accepted'), resolved, tls: undefined, isPending };
  const signedBy = wellKnownAuthorities === undefined ? together(usable) : 'system';
  const tls = { serverName: hostname, signedBy, clientCertificate: undefined } as const;
  return { accepted: yes('Accepted'), resolved, tls, isPending };
}

/** Where each of its targets belongs to an older policy. */
function lostTo(policy: BackendTlsPolicy, policies: Policies): Verdict | undefined {
  const services = policy.targets.filter(isService);
  const winners = services.map(({ name, sectionName }) =>
    policiesFor(serviceOf(policy, name), policies).find((one) => selects(one, serviceOf(policy, name), sectionName)),
  );
  const [winner] = winners;
  if (winner === undefined || winners.includes(policy)) return undefined;
  return no('Conflicted', `BackendTLSPolicy ${winner.meta.name}, which is older, is for the same`);
}

function invalidIn({
  hostname,
  unsupported,
  authorities,
  wellKnownAuthorities,
}: BackendTlsPolicy): Verdict | undefined {
  if (unsupported.length > 0) return no('Invalid', `not served: ${unsupported.join(', ')}`);
  if (hostname === undefined) return no('Invalid', 'spec.validation.hostname is no name that a certificate could have');
  const isWellKnown = wellKnownAuthorities !== undefined;
  if (isWellKnown && wellKnownAuthorities !== 'System')
    return no('Invalid', `spec.validation.wellKnownCACertificates: ${wellKnownAuthorities} is not known, System is`);
  if (isWellKnown === authorities.length > 0)
    return no('Invalid', 'spec.validation needs either caCertificateRefs or wellKnownCACertificates');
  return undefined;
}

function noAuthorities(usable: readonly Authorities[], { authorities }: BackendTlsPolicy): Verdict | undefined {
  if (authorities.length === 0 || usable.length > 0) return undefined;
  return no('NoValidCACertificate', 'none of spec.validation.caCertificateRefs leads to a certificate');
}

type FoundAuthorities =
  | { readonly kind: 'found'; readonly authorities: Authorities }
  | { readonly kind: 'pending' }
  | { readonly kind: 'mistake'; readonly verdict: Verdict };

function authoritiesAt(reference: ObjectReference, { meta }: BackendTlsPolicy, snapshot: Known): FoundAuthorities {
  const mistake = (message: string, reason = 'InvalidCACertificateRef'): FoundAuthorities => ({
    kind: 'mistake',
    verdict: no(reason, `${reference.field}: ${message}`),
  });
  const { group, kind, name } = reference;
  if (group !== '' || kind !== 'ConfigMap') return mistake(`authorities are a ConfigMap, not a ${kind}`, 'InvalidKind');
  const key = keyOf({ namespace: meta.namespace, name });
  const answer = answerAboutConfigMap(snapshot, key);
  switch (answer.kind) {
    case 'pending':
      return answer;
    case 'absent':
      return mistake(`ConfigMap ${key} does not exist`);
    case 'unreadable':
      return mistake(`ConfigMap ${key} cannot be read: ${answer.message}`);
    case 'found': {
      const { authorities } = answer.value;
      return authorities.kind === 'broken'
        ? mistake(`ConfigMap ${key}: ${authorities.message}`)
        : { ...authorities, kind: 'found' };
    }
  }
}

/** All of several bundles. */
function together(some: readonly Authorities[]): Authorities {
  const [only, ...others] = some;
  if (only !== undefined && others.length === 0) return only;
  const pem = [...new Set(some.map((one) => one.pem))].join('\n');
  return { fingerprint: digestOf(pem), pem };
}

/** `namespace/name` of the ConfigMaps that a policy refers to. */
export function configMapsOf({ meta, authorities }: BackendTlsPolicy): readonly string[] {
  return authorities
    .filter(({ group, kind, name }) => group === '' && kind === 'ConfigMap' && name !== '')
    .map(({ name }) => keyOf({ namespace: meta.namespace, name }));
}
