import { cidrHas, cidrOf, type Cidr } from '../../model/cidr.ts';
import { ipAddressOf, type IpAddress } from '../../model/grammar.ts';
import { shown, type Field } from './field.ts';

/** The address in a field, or nothing: absent, or a Finding. */
export function admitIpAddress(field: Field): readonly IpAddress[] {
  const text = field.text();
  const address = text === undefined ? undefined : ipAddressOf(text);
  if (address !== undefined) return [address];
  if (text !== undefined) field.add('AddressInvalid', `${shown(text)} is not an IP address`);
  return [];
}

/**
 * The address of an endpoint: where connections can end. An API server also refuses loopback addresses (ValidateEndpointIP), on which
 * the programs of a machine without a cluster may well listen.
 */
export function admitEndpointAddress(field: Field): readonly IpAddress[] {
  return admitIpAddress(field).filter(
    (address) => !isSpecial(address, NO_ENDPOINTS, field, 'where no endpoint can be'),
  );
}

/**
 * An address under which a Service is reached from outside. At a loopback address it would take a port from the programs of the node
 * (ValidateNonSpecialIP, which an API server has for externalIPs).
 */
export function admitServiceAddress(field: Field): readonly IpAddress[] {
  return admitIpAddress(field).filter((address) => !isSpecial(address, NO_SERVICES, field, 'where no Service can be'));
}

type SpecialRange = readonly [kind: string, range: Cidr];

const NO_ENDPOINTS = specialRanges([
  ['an unspecified', '0.0.0.0/32'],
  ['an unspecified', '::/128'],
  ['a link-local', '169.254.0.0/16'],
  ['a link-local', 'fe80::/10'],
  ['a multicast', '224.0.0.0/4'],
  ['a multicast', 'ff00::/8'],
  ['a broadcast', '255.255.255.255/32'],
]);

const NO_SERVICES = [
  ...NO_ENDPOINTS,
  ...specialRanges([
    ['a loopback', '127.0.0.0/8'],
    ['a loopback', '::1/128'],
  ]),
];

function specialRanges(ranges: readonly (readonly [kind: string, range: string])[]): readonly SpecialRange[] {
  return ranges.flatMap(([kind, text]) => {
    const range = cidrOf(text);
    return range === undefined ? [] : [[kind, range] as const];
  });
}

function isSpecial(address: IpAddress, ranges: readonly SpecialRange[], field: Field, why: string): boolean {
  const found = ranges.find(([, range]) => cidrHas(range, address));
  if (found !== undefined) field.add('AddressInvalid', `${address} is ${found[0]} address, ${why}`);
  return found !== undefined;
}
