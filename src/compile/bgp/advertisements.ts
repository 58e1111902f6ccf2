import { ipNumberOf, widthOf } from '../../lib/ip-number.ts';
import type { AddressPool } from '../../model/address-pool.ts';
import { familyOf, rangeHas, rangeText, type AddressRange } from '../../model/address-range.ts';
import { communityText, type BgpCommunity } from '../../model/bgp-community.ts';
import type { BgpAdvertisement } from '../../model/bgp-advertisement.ts';
import { finding, type Finding } from '../../model/finding.ts';
import type { IpAddress } from '../../model/grammar.ts';
import type { Labels } from '../../model/label-selector.ts';
import { byAge, keyOf, type ObjectRef } from '../../model/object.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { anySelects } from '../announce/profile.ts';
import type { BgpSession, RouteExport, SessionId } from './bgp-plan.ts';
import { sessionId } from './sessions.ts';

/** A BGPAdvertisement as far as it concerns this node, with all that it names looked up. */
export interface Advertisement {
  readonly key: string;
  readonly spec: BgpAdvertisement;
  readonly communities: readonly BgpCommunity[];
  /** The sessions of this node that it is for, sorted; none where it is for other nodes. */
  readonly sessions: readonly SessionId[];
}

/** All advertisements that can be used, the oldest first. One whose communities are not known is not: they may be what holds a route back. */
export function advertisementsOf(
  snapshot: Snapshot,
  labels: Labels,
  sessions: readonly BgpSession[],
  findings: Finding[],
): readonly Advertisement[] {
  const sorted = [...snapshot.bgpAdvertisements.values()].sort((a, b) => byAge(a.meta, b.meta));
  return sorted.flatMap((spec): readonly Advertisement[] => {
    const communities = communitiesOf(spec, snapshot, findings);
    reportUnknownPeers(spec, snapshot, findings);
    if (communities === undefined) return [];
    const isHere = spec.nodeSelectors.length === 0 || anySelects(spec.nodeSelectors, labels);
    const ids = isHere ? sessions.filter(({ peer }) => isForPeer(spec, peer)).map(({ id }) => id) : [];
    return [{ key: keyOf(spec.meta), spec, communities, sessions: ids }];
  });
}

/** Peers and advertisements of one namespace belong together. */
function isForPeer({ meta, peers }: BgpAdvertisement, peer: string): boolean {
  return peers.length === 0
    ? peer.startsWith(`${meta.namespace}/`)
    : peers.some((name) => keyOf({ namespace: meta.namespace, name }) === peer);
}

function communitiesOf(
  spec: BgpAdvertisement,
  snapshot: Snapshot,
  findings: Finding[],
): readonly BgpCommunity[] | undefined {
  const known = [...snapshot.communities.values()].filter(({ meta }) => meta.namespace === spec.meta.namespace);
  const found = spec.communities.map((reference) => {
    if (reference.kind === 'value') return reference.community;
    const named = known.flatMap(({ communities }) => communities.filter(({ name }) => name === reference.name));
    if (named[0] === undefined) {
      const message = `no Community gives "${reference.name}" a value, so that nothing is announced by this`;
      findings.push(finding('BgpReferenceMissing', refOf(spec), 'spec.communities', message));
    }
    return named[0]?.community;
  });
  const communities = found.filter((community) => community !== undefined);
  return communities.length < found.length ? undefined : communities;
}

function reportUnknownPeers(spec: BgpAdvertisement, snapshot: Snapshot, findings: Finding[]): void {
  for (const name of spec.peers) {
    const key = keyOf({ namespace: spec.meta.namespace, name });
    if (snapshot.bgpPeers.has(key)) continue;
    findings.push(finding('BgpReferenceMissing', refOf(spec), 'spec.peers', `there is no BGPPeer ${key}`));
  }
}

/** How many bits of an address of this family are announced. */
export function lengthFor({ aggregationLength, aggregationLengthV6 }: BgpAdvertisement, address: IpAddress): number {
  return familyOf(address) === 4 ? aggregationLength : aggregationLengthV6;
}

/** Whether what is announced for an address is no wider than its range of the pool, as MetalLB measures it: its largest part that is a CIDR. */
export function fitsPool(
  spec: BgpAdvertisement,
  address: IpAddress,
  pool: AddressPool | undefined,
  findings: Finding[],
): boolean {
  const length = lengthFor(spec, address);
  const range = pool?.ranges.find((item) => rangeHas(item, address));
  if (range === undefined || length >= shortestPrefix(range)) return true;
  const field = familyOf(address) === 4 ? 'spec.aggregationLength' : 'spec.aggregationLengthV6';
  const of = pool === undefined ? '' : ` of pool ${pool.meta.name}`;
  const message = `/${String(length)} is wider than ${rangeText(range)}${of}, which is not announced by this`;
  findings.push(finding('BgpAggregationTooWide', refOf(spec), field, message));
  return false;
}

/** The length of the largest CIDR within a range. */
function shortestPrefix({ family, first, last }: AddressRange): number {
  const width = widthOf(family);
  const [low, high] = [ipNumberOf(first).value, ipNumberOf(last).value];
  for (let length = 0; length < width; length += 1) {
    const size = 1n << BigInt(width - length);
    const start = ((low + size - 1n) / size) * size;
    if (start + size - 1n <= high) return length;
  }
  return width;
}

/** What each peer is given of a route that these advertise, the oldest first. */
export function exportsOf(advertisements: readonly Advertisement[], findings: Finding[]): readonly RouteExport[] {
  const bySession = new Map<SessionId, { localPref: number | undefined; communities: Map<string, BgpCommunity> }>();
  for (const { spec, communities, sessions } of advertisements)
    for (const session of sessions) {
      const made = bySession.get(session) ?? { localPref: undefined, communities: new Map<string, BgpCommunity>() };
      bySession.set(session, made);
      if (made.localPref !== undefined && spec.localPref !== undefined && made.localPref !== spec.localPref) {
        const message = `${String(spec.localPref)}, where an older one says ${String(made.localPref)} for the same route`;
        findings.push(finding('BgpLocalPrefConflict', refOf(spec), 'spec.localPref', message));
      }
      made.localPref ??= spec.localPref;
      for (const community of communities) made.communities.set(communityText(community), community);
    }
  return [...bySession]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([session, { localPref, communities }]) => ({
      session,
      localPref,
      communities: [...communities].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, community]) => community),
    }));
}

function refOf({ meta }: BgpAdvertisement): ObjectRef {
  return { kind: 'BGPAdvertisement', namespace: meta.namespace, name: meta.name };
}

/** The name of the BGPPeer of each session, by id. */
export function peerNames(snapshot: Snapshot): ReadonlyMap<SessionId, string> {
  return new Map([...snapshot.bgpPeers.values()].map((peer) => [sessionId(peer), peer.meta.name]));
}
