import type { BackendTlsPolicy, PolicyTarget } from '../../../model/gateway/backend-tls-policy.ts';
import { hostnameOf, isDnsSubdomain, isWildcard, type Hostname } from '../../../model/grammar.ts';
import { keyOf, type ObjectMeta } from '../../../model/object.ts';
import type { Change } from '../../change.ts';
import { shown, type Field } from '../field.ts';
import { admitReference, generationOf, textWithin } from './reference.ts';

/** Admits a BackendTLSPolicy (gateway.networking.k8s.io/v1). */
export function admitBackendTlsPolicy(raw: Field, meta: ObjectMeta): Change {
  const spec = raw.at('spec');
  const validation = spec.at('validation');
  const wellKnown = validation.at('wellKnownCACertificates');
  const value: BackendTlsPolicy = {
    meta,
    generation: generationOf(raw),
    targets: spec.at('targetRefs').flatMap((field) => admitTarget(field) ?? []),
    authorities: validation.at('caCertificateRefs').flatMap((field) => admitReference(field) ?? UNREADABLE),
    wellKnownAuthorities: wellKnown.isEmpty ? undefined : wellKnown.text(),
    hostname: admitName(validation.at('hostname')),
    unsupported: unsupportedIn(raw, spec, validation),
  };
  return { table: 'backendTlsPolicies', key: keyOf(meta), value };
}

/** No object can have this name, so that nothing is found by it. */
const UNREADABLE = [{ group: '', kind: 'ConfigMap', namespace: undefined, name: '', field: '' }];

function admitTarget(field: Field): PolicyTarget | undefined {
  const reference = admitReference(field, { group: '', kind: 'Service' });
  const section = field.at('sectionName');
  const sectionName = section.isAbsent ? undefined : textWithin(section, undefined, isDnsSubdomain);
  if (reference === undefined || (sectionName === undefined && !section.isAbsent)) return undefined;
  const { group, kind, name } = reference;
  return { group, kind, name, sectionName };
}

/** PreciseHostname: no wildcard. */
function admitName(field: Field): Hostname | undefined {
  const text = field.text();
  const host = text === undefined ? undefined : hostnameOf(text);
  if (host !== undefined && !isWildcard(host)) return host;
  field.add('HostInvalid', `${shown(text ?? '')} is not a host name without wildcard`);
  return undefined;
}

/** An unknown field may be a known one misspelt, which would let fewer endpoints be trusted. */
function unsupportedIn(raw: Field, spec: Field, validation: Field): readonly string[] {
  const names = validation.at('subjectAltNames');
  const options = spec.at('options');
  return [
    ...(names.isEmpty ? [] : [names.path]),
    ...(options.isEmpty ? [] : [options.path]),
    ...[raw, spec, validation].flatMap((field) => field.unknownNames.map((name) => field.at(name).path)),
  ];
}
