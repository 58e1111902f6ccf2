import type { PersistentMap } from '../../lib/persistent-map.ts';
import { finding, type Finding } from '../../model/finding.ts';
import { ipAddressOf, type IpAddress } from '../../model/grammar.ts';
import type { ObjectRef } from '../../model/object.ts';
import type { Service } from '../../model/service.ts';
import type { ResolvedName } from '../../model/snapshot.ts';
import { specialAddressOf, unmappedAddress } from '../../model/special-address.ts';
import type { Facts } from '../settings.ts';

/** Where the name of an ExternalName Service leads. */
export interface ExternalTarget {
  /** Those that requests may be sent to. */
  readonly addresses: readonly IpAddress[];
  readonly findings: readonly Finding[];
}

/**
 * The addresses of an ExternalName Service. Pure.
 *
 * Whoever writes such a Service makes HAProxy connect for them, from this machine. Where that is somebody else than who runs
 * Sluice, names that lead to the machine itself are refused: they reach what listens for the machine alone, such as our own
 * API with the objects of all tenants (GHSA-5ph6-qq5x-7jwc), or the credentials at 169.254.169.254. It is the addresses that
 * are judged, of each answer anew, since what a name resolves to is up to its owner.
 */
export function externalTarget(
  service: Service,
  resolvedNames: PersistentMap<ResolvedName>,
  allowsLocal: boolean,
  { node }: Facts,
): ExternalTarget {
  const name = service.externalName;
  // One that could not be admitted has its Finding.
  if (name === undefined) return { addresses: [], findings: [] };
  const literal = ipAddressOf(name);
  const found = literal === undefined ? resolvedNames.get(name)?.addresses : [literal];
  // Not looked up yet: nothing is said of it.
  if (found === undefined) return { addresses: [], findings: [] };
  const ref: ObjectRef = { kind: 'Service', namespace: service.meta.namespace, name: service.meta.name };
  const field = 'spec.externalName';
  if (found.length === 0)
    return {
      addresses: [],
      findings: [finding('ExternalNameUnresolved', ref, field, `"${name}" has no address`)],
    };
  if (allowsLocal) return { addresses: found, findings: [] };
  const refused = found.flatMap((address) => {
    const why = localityOf(address, node.addresses);
    return why === undefined ? [] : [{ address, why }];
  });
  if (refused.length === 0) return { addresses: found, findings: [] };
  const [what] = refused.map(({ address, why }) => (literal === undefined ? `${address}, ${why}` : why));
  const verb = literal === undefined ? 'resolves to' : 'is';
  const message = `"${name}" ${verb} ${what ?? ''}, and no request is sent there`;
  const left = new Set(refused.map(({ address }) => address));
  return {
    addresses: found.filter((address) => !left.has(address)),
    findings: [finding('ExternalNameLocal', ref, field, message)],
  };
}

/** Undefined for an address that is neither this machine's nor reserved for what surrounds it. */
function localityOf(address: IpAddress, own: readonly IpAddress[]): string | undefined {
  const kind = specialAddressOf(address);
  if (kind !== undefined) return `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind} address`;
  return own.includes(unmappedAddress(address)) ? 'an address of the machine that Sluice runs on' : undefined;
}
