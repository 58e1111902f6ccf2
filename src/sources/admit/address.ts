import { ipAddressOf, type IpAddress } from '../../model/grammar.ts';
import { specialAddressOf, type SpecialAddress } from '../../model/special-address.ts';
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

const NO_ENDPOINTS: ReadonlySet<SpecialAddress> = new Set(['unspecified', 'link-local', 'multicast', 'broadcast']);

const NO_SERVICES: ReadonlySet<SpecialAddress> = new Set([...NO_ENDPOINTS, 'loopback']);

function isSpecial(address: IpAddress, kinds: ReadonlySet<SpecialAddress>, field: Field, why: string): boolean {
  const kind = specialAddressOf(address);
  if (kind === undefined || !kinds.has(kind)) return false;
  field.add('AddressInvalid', `${address} is ${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind} address, ${why}`);
  return true;
}
