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
