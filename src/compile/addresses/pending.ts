import type { IpFamily } from '../../lib/ip-number.ts';
import { finding, type Finding } from '../../model/finding.ts';
import type { FindingReason } from '../../model/codes.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { ObjectRef } from '../../model/object.ts';
import type { Service } from '../../model/service.ts';

/** Why a Service has no address. `reported`: what it asks for could not be read, which has been said where it was read. */
export type Pending =
  | { readonly kind: 'exhausted'; readonly pools: readonly FullPool[] }
  | { readonly kind: 'unknown-pool'; readonly pool: string; readonly pools: readonly string[] }
  | { readonly kind: 'not-for-service'; readonly pool: string }
  | { readonly kind: 'no-pool-for-service'; readonly pools: readonly string[] }
  | { readonly kind: 'no-family'; readonly families: readonly IpFamily[]; readonly pools: readonly string[] }
  | { readonly kind: 'single-stack' }
  | {
      readonly kind: 'wrong-families';
      readonly addresses: readonly IpAddress[];
      readonly families: readonly IpFamily[];
    }
  | { readonly kind: 'outside-pools'; readonly address: IpAddress }
  | { readonly kind: 'other-pool'; readonly address: IpAddress; readonly pool: string; readonly asked: string }
  | { readonly kind: 'two-pools'; readonly addresses: readonly IpAddress[] }
  | { readonly kind: 'in-use'; readonly address: IpAddress; readonly owners: readonly string[] }
  | { readonly kind: 'no-pools' }
  | { readonly kind: 'reported' };

/** A pool without a free address, and who has one; of many holders the number alone. */
export interface FullPool {
  readonly name: string;
  readonly holders: readonly string[] | number;
}

/** Says why a Service waits for an address, and what would give it one. Empty where it has been said already. */
export function pendingFindings({ meta, loadBalancer }: Service, pending: Pending): readonly Finding[] {
  const ref: ObjectRef = { kind: 'Service', namespace: meta.namespace, name: meta.name };
  const request = loadBalancer?.request;
  const askedField = request?.kind === 'addresses' ? request.field : '';
  const poolField = 'metadata.annotations["metallb.io/address-pool"]';
  const say = (reason: FindingReason, field: string, message: string, remedy?: string): readonly Finding[] => [
    finding(reason, ref, field, message, remedy),
  ];
  switch (pending.kind) {
    case 'exhausted':
      return say('AddressPoolExhausted', '', `no address is free: ${pending.pools.map(fullText).join('; ')}`);
    case 'unknown-pool': {
      const others = pending.pools.length === 0 ? 'there is none' : `there are ${pending.pools.join(', ')}`;
      return say('AddressPoolUnknown', poolField, `there is no pool "${pending.pool}"; ${others}`);
    }
    case 'not-for-service':
      return say('AddressPoolNotForService', '', `serviceAllocation keeps the pool ${pending.pool} for other Services`);
    case 'no-pool-for-service': {
      const message = `of the pools ${pending.pools.join(', ')} none gives this Service an address by itself: each is kept for others, or has autoAssign false`;
      const remedy = 'Ask for a pool with the annotation metallb.io/address-pool, or change one of the pools.';
      return say('AddressPoolNotForService', '', message, remedy);
    }
    case 'no-family': {
      const families = pending.families.map((family) => `IPv${String(family)}`).join(' and ');
      return say(
        'AddressFamilyUnavailable',
        '',
        `no pool has ${families} for it; asked were ${pending.pools.join(', ')}`,
      );
    }
    case 'single-stack': {
      const message = 'RequireDualStack asks for two addresses, and the Service has a ClusterIP of one family';
      return say('AddressFamilyUnavailable', 'spec.ipFamilyPolicy', message);
    }
    case 'wrong-families': {
      const families = pending.families.map((family) => `IPv${String(family)}`).join(' and ');
      const message = `${pending.addresses.join(', ')} is not one address of each family of the Service, which has ${families}`;
      return say('AddressRequestInvalid', askedField, message);
    }
    case 'outside-pools':
      return say('AddressOutsidePools', askedField, `${pending.address} is in no pool`);
    case 'other-pool': {
      const message = `${pending.address} is in the pool ${pending.pool}, and ${pending.asked} is asked for`;
      return say('AddressRequestInvalid', askedField, message);
    }
    case 'two-pools':
      return say('AddressRequestInvalid', askedField, `${pending.addresses.join(' and ')} are in two pools`);
    case 'in-use':
      return say('AddressInUse', askedField, `${pending.address} is that of Service ${pending.owners.join(', ')}`);
    case 'no-pools':
      return say('AddressPoolMissing', '', 'there is no pool to take an address from');
    case 'reported':
      return [];
  }
}

function fullText({ name, holders }: FullPool): string {
  if (typeof holders === 'number') return `all of pool ${name} are taken, by ${String(holders)} Services`;
  return `all of pool ${name} are taken, by ${holders.join(', ')}`;
}
