import type { AddressRange } from '../../model/address-range.ts';
import type { IpAddress } from '../../model/grammar.ts';
import { keyOf } from '../../model/object.ts';
import type { L2Status } from '../../model/l2-status.ts';
import { FLAG_POOL } from '../addresses/address-plan.ts';
import { poolOf, rangesHave } from '../addresses/pool-of.ts';
import type { AnnounceInput } from './announce-compiler.ts';
import type { AnnounceSettings } from './announce-settings.ts';
import { announcedAddresses, numbersOf, type AnnouncedAddress } from './address-claims.ts';
import { hasEndpoint, nodesInOrder, nodesOf, whyNotEligible } from './eligibility.ts';
import { devicesFor } from './interfaces.ts';
import type { Profile } from './profile.ts';

/** What stands between a client and the node that its packets arrive at: pool, Service, who announces, and why. */
export interface AddressAnswer {
  /** Sentences, from the pool on. */
  readonly steps: readonly string[];
  /** Where packets for it arrive, as far as is known; empty where nobody answers. */
  readonly nodes: readonly string[];
}

/** What is known of who answers for an address. */
export interface Announcers {
  /** Whether this node has it. */
  readonly isHeld: boolean;
  /** What nodes say of it, the latest first. */
  readonly said: readonly L2Status[];
}

/**
 * Why an address is answered for by the node that does, or by nobody; undefined for an address of no pool, of which there is nothing to say.
 * Computed when somebody asks, from what every node knows. Pure.
 */
export function explainAddress(
  address: IpAddress,
  input: AnnounceInput,
  settings: AnnounceSettings,
  mode: 'standalone' | 'cluster',
  announcers: Announcers,
): AddressAnswer | undefined {
  const { snapshot, assignments } = input;
  const pool = poolOf(address, snapshot.addressPools)?.meta.name ?? nameOfFlag(settings.published.pool, address);
  const all = announcedAddresses(assignments, snapshot, nodesOf(snapshot, settings.nodeName));
  const item = all.find((other) => other.address === address);
  if (item === undefined)
    return pool === undefined
      ? undefined
      : { steps: [`${address} is of pool ${pool}, and no Service has it: nobody answers for it`], nodes: [] };
  const names = item.services.map(({ meta }) => keyOf(meta)).join(', ');
  const given = `${address} is of pool ${pool ?? '(gone)'}, and given to ${names}`;
  const { profile } = item;
  if (profile === undefined) {
    const why = item.isByBgp
      ? 'nobody answers for it on the local network: it is announced by BGP'
      : 'nobody answers for it: there are L2Advertisements, and none is for it';
    return { steps: [given, why], nodes: [] };
  }
  const id = numbersOf(all, settings.routers, mode).get(address);
  if (id === undefined) return { steps: [given, `nobody answers for it: ${whyNoRouter(settings, mode)}`], nodes: [] };
  const candidates = candidatesOf(item, profile, id, input);
  const nodes = ownersOf(settings.nodeName, announcers, address);
  const steps = [
    given,
    whoAnswers(nodes, candidates, announcers),
    ...candidates.map(({ node, why }) => `node ${node} ${why ?? 'may have it'}`),
    `the nodes agree about it by VRRP, as virtual router ${String(id)}${howItStays(profile)}`,
    ...interfaceSteps(address, profile, settings, input),
  ];
  return { steps, nodes };
}

interface Candidate {
  readonly node: string;
  /** Why it may not have the address, in words that follow its name. */
  readonly why: string | undefined;
}

/** In the order in which they would take it. */
function candidatesOf(
  { services, local }: AnnouncedAddress,
  profile: Profile,
  id: number,
  { snapshot, slicesOf }: AnnounceInput,
): readonly Candidate[] {
  return nodesInOrder(profile, id).map((node) => {
    const isWithout = local.length > 0 && !local.some(({ meta }) => hasEndpoint(slicesOf(keyOf(meta)), node));
    const lack = isWithout
      ? `has no endpoint of ${services.map(({ meta }) => keyOf(meta)).join(', ')}, and externalTrafficPolicy is Local`
      : undefined;
    return { node, why: whyNotEligible(node, snapshot.nodes) ?? lack };
  });
}

function ownersOf(nodeName: string, { isHeld, said }: Announcers, address: IpAddress): readonly string[] {
  const others = said.filter((status) => status.addresses.includes(address)).map(({ node }) => node);
  return [...new Set([...(isHeld ? [nodeName] : []), ...others])];
}

function whoAnswers(nodes: readonly string[], candidates: readonly Candidate[], { said }: Announcers): string {
  const [first, ...others] = nodes;
  if (others.length > 0)
    return `${nodes.join(' and ')} say that they answer for it: one of them does not hear the others`;
  if (first !== undefined) {
    const status = said.find(({ node }) => node === first);
    return `node ${first} answers for it${status === undefined ? '' : ` since ${status.since}: ${status.why}`}`;
  }
  if (candidates.length === 0) return 'nobody answers for it: the L2Advertisement selects no node';
  if (candidates.every(({ why }) => why !== undefined)) return 'nobody answers for it: no node may';
  return 'no node has said that it answers for it';
}

function howItStays({ preferred }: Profile): string {
  return preferred.size === 0
    ? '; who has it keeps it until it fails or may not have it'
    : `; ${[...preferred].join(', ')} takes it back, being preferred`;
}

function whyNoRouter({ routers: { first, count } }: AnnounceSettings, mode: 'standalone' | 'cluster'): string {
  const range = `${String(first)}-${String(first + count - 1)}`;
  return mode === 'cluster'
    ? `no virtual router of ${range} is recorded of it. The leader does that: see that it runs with --load-balancer, and with the same --virtual-router-ids`
    : `the virtual routers ${range} are used up`;
}

function interfaceSteps(
  address: IpAddress,
  profile: Profile,
  { nodeName }: AnnounceSettings,
  { interfaces }: AnnounceInput,
): readonly string[] {
  if (!profile.nodes.includes(nodeName)) return [`${nodeName} is not selected by the L2Advertisement`];
  const here = devicesFor(address, profile, interfaces);
  if (here.length > 0) return [`on ${nodeName} it would be answered for on ${here.join(', ')}`];
  const wanted = profile.interfaces.length === 0 ? 'an interface with an address' : profile.interfaces.join(', ');
  return [`${nodeName} does not take part: it has not ${wanted}`];
}

function nameOfFlag(ranges: readonly AddressRange[], address: IpAddress): string | undefined {
  return rangesHave(ranges, address) ? FLAG_POOL : undefined;
}
