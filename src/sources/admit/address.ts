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

/** A kind of address by its text: addresses are canonical here, and there may be a hundred thousand of them. */
type SpecialKind = readonly [kind: string, text: RegExp];

const NO_ENDPOINTS: readonly SpecialKind[] = [
  ['an unspecified', /^(?:0\.0\.0\.0|::)$/],
  ['a link-local', /^(?:169\.254\.|fe[89ab][0-9a-f]:)/],
  ['a multicast', /^(?:22[4-9]\.|23\d\.|ff[0-9a-f]{2}:)/],
  ['a broadcast', /^255\.255\.255\.255$/],
];

const NO_SERVICES: readonly SpecialKind[] = [...NO_ENDPOINTS, ['a loopback', /^(?:127\.|::1$)/]];

function isSpecial(address: IpAddress, kinds: readonly SpecialKind[], field: Field, why: string): boolean {
  const found = kinds.find(([, text]) => text.test(address));
  if (found !== undefined) field.add('AddressInvalid', `${address} is ${found[0]} address, ${why}`);
  return found !== undefined;
}
