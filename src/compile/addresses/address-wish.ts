import type { IpFamily } from '../../lib/ip-number.ts';
import { familyOf } from '../../model/address-range.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { Service } from '../../model/service.ts';

/** Which families a Service wants addresses of, in order; whether it can do with the first that is to be had. */
export interface WantedFamilies {
  readonly families: readonly IpFamily[];
  readonly needsAll: boolean;
}

/**
 * Those of its ClusterIPs, which say what the cluster and the Service agreed on; before it has any, what it asks for. One family where
 * the Service says nothing. Undefined: two are required, and the Service has one.
 */
export function wantedFamilies({ traffic }: Service): WantedFamilies | undefined {
  const { policy, families: listed } = traffic.families;
  const given = [...new Set(traffic.clusterIps.map(familyOf))];
  const asked = listed.map((family): IpFamily => (family === 'IPv4' ? 4 : 6));
  const families: readonly IpFamily[] = given.length > 0 ? given : asked.length > 0 ? asked : [4];
  const isDual = policy !== 'SingleStack';
  if (!isDual) return { families: families.slice(0, 1), needsAll: true };
  if (given.length === 1 && policy === 'RequireDualStack') return undefined;
  const both = given.length > 0 ? given : [...new Set<IpFamily>([...families, 4, 6])];
  return { families: both, needsAll: policy === 'RequireDualStack' };
}

/** Whether addresses are what a Service may have: of different families, all of them wanted, and all that are needed. */
export function fitsFamilies(addresses: readonly IpAddress[], { families, needsAll }: WantedFamilies): boolean {
  const own = new Set(addresses.map(familyOf));
  if (addresses.length === 0 || own.size !== addresses.length) return false;
  return [...own].every((family) => families.includes(family)) && (!needsAll || own.size === families.length);
}

/** Addresses in the order of the families that a Service wants. */
export function inOrder(addresses: readonly IpAddress[], { families }: WantedFamilies): readonly IpAddress[] {
  return addresses.toSorted((a, b) => families.indexOf(familyOf(a)) - families.indexOf(familyOf(b)));
}
