import type { AddressAssignments } from '../compile/addresses/address-plan.ts';
import { finding, type Finding } from '../model/finding.ts';
import { objectAt } from '../model/object.ts';
import type { ForeignOwner } from '../planes/announce/foreign-owners.ts';

/** A Finding on every Service of an address that somebody else on the network has. */
export function duplicateFindings(
  owners: readonly ForeignOwner[],
  assignments: AddressAssignments,
): readonly Finding[] {
  return owners.flatMap(({ address, hardwareAddress, interface: device }) => {
    const message = `a machine with the hardware address ${hardwareAddress}, which is none of ours, answers for ${address} on ${device}`;
    return [...assignments.entries()].flatMap(([service, { addresses }]) =>
      addresses.includes(address) ? [finding('AddressDuplicate', objectAt('Service', service), '', message)] : [],
    );
  });
}
