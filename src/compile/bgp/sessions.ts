import { fnv1a } from '../../lib/hash.ts';
import type { BfdProfile } from '../../model/bfd-profile.ts';
import type { BgpPeer } from '../../model/bgp-peer.ts';
import { finding, type Finding } from '../../model/finding.ts';
import { isIpv6Address } from '../../model/grammar.ts';
import type { Labels } from '../../model/label-selector.ts';
import { byAge, keyOf, type ObjectRef } from '../../model/object.ts';
import { isBgpPassword } from '../../model/secret-text.ts';
import { answerAbout, type Snapshot } from '../../model/snapshot.ts';
import { anySelects } from '../announce/profile.ts';
import type { BfdTimes, BgpSession, SessionId } from './bgp-plan.ts';

/** The sessions of a node, what is wrong with its peers, and the Secrets that are referred to. */
export interface Sessions {
  /** Sorted by id. */
  readonly sessions: readonly BgpSession[];
  readonly findings: readonly Finding[];
  /** `namespace/name`. */
  readonly secrets: readonly string[];
}

/** The sessions of the node with these labels. A peer whose password there is not has none: without it, nobody would answer. */
export function sessionsOf(snapshot: Snapshot, labels: Labels): Sessions {
  const findings: Finding[] = [];
  const secrets: string[] = [];
  const sessions = new Map<string, BgpSession>();
  const peers = [...snapshot.bgpPeers.values()].sort((a, b) => byAge(a.meta, b.meta));
  for (const peer of peers) {
    if (peer.nodeSelectors.length > 0 && !anySelects(peer.nodeSelectors, labels)) continue;
    const place = neighborKey(peer);
    const other = sessions.get(place);
    if (other !== undefined) {
      findings.push(finding('BgpPeerDuplicate', refOf(peer), 'spec', `${other.peer} leads to the same neighbour`));
      continue;
    }
    if (peer.password?.kind === 'secret') secrets.push(secretOf(peer, peer.password.name));
    const password = passwordOf(peer, snapshot, findings);
    if (password === 'none') continue;
    sessions.set(place, sessionOf(peer, password, bfdOf(peer, snapshot, findings)));
  }
  const sorted = [...sessions.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return { sessions: sorted, findings, secrets: [...new Set(secrets)].sort() };
}

function sessionOf(peer: BgpPeer, password: BgpSession['password'], bfd: BfdTimes | undefined): BgpSession {
  const { neighbor, localAs, peerAs, sourceAddress, routerId, hasGracefulRestart, isMultihop, vrf } = peer;
  const { holdTimeS, keepaliveTimeS, connectTimeS } = peer;
  const own = neighbor.kind === 'address' && isIpv6Address(neighbor.address) ? 6 : 4;
  return {
    id: sessionId(peer),
    peer: keyOf(peer.meta),
    neighbor,
    localAs,
    peerAs,
    sourceAddress,
    holdTimeS,
    keepaliveTimeS,
    connectTimeS,
    routerId,
    password,
    bfd,
    hasGracefulRestart,
    isMultihop,
    vrf,
    // A link without addresses has no family of its own.
    families: peer.isDualStack || neighbor.kind === 'interface' ? [4, 6] : [own],
  };
}

/** Names may be longer than BIRD's, and of two namespaces. */
export function sessionId({ meta }: Pick<BgpPeer, 'meta'>): SessionId {
  const hash = fnv1a(keyOf(meta)).toString(16).padStart(8, '0');
  return `${meta.name.slice(0, 48)}-${hash}` as SessionId;
}

function neighborKey({ neighbor, vrf = '' }: BgpPeer): string {
  return neighbor.kind === 'interface'
    ? `${neighbor.interface} ${vrf}`
    : `${neighbor.address} ${String(neighbor.port)} ${vrf}`;
}

/** `none`: there is to be one, and there is not. While nobody knows, a session that there is stays as it is. */
function passwordOf(peer: BgpPeer, snapshot: Snapshot, findings: Finding[]): BgpSession['password'] | 'none' {
  const { password } = peer;
  if (password === undefined) return undefined;
  if (password.kind === 'text') return password.text;
  const key = secretOf(peer, password.name);
  const answer = answerAbout(snapshot, key);
  const report = (message: string): 'none' => {
    findings.push(finding('BgpPasswordUnusable', refOf(peer), 'spec.passwordSecret.name', message));
    return 'none';
  };
  switch (answer.kind) {
    case 'pending':
      return 'kept';
    case 'absent':
      return report(`there is no Secret ${key}`);
    case 'unreadable':
      report(`the Secret ${key} cannot be read; a session that there is keeps its password: ${answer.message}`);
      return 'kept';
    case 'found': {
      const text = answer.value.password;
      if (text === undefined) return report(`the Secret ${key} has no password`);
      if (isBgpPassword(text.reveal())) return text;
      return report(`the password in the Secret ${key} has characters that BIRD cannot be given, or is too long`);
    }
  }
}

function secretOf({ meta }: BgpPeer, name: string): string {
  return keyOf({ namespace: meta.namespace, name });
}

/** Without its profile, a session is slower to notice a peer that is gone, but it is there. */
function bfdOf(peer: BgpPeer, snapshot: Snapshot, findings: Finding[]): BfdTimes | undefined {
  if (peer.bfdProfile === undefined) return undefined;
  const key = keyOf({ namespace: peer.meta.namespace, name: peer.bfdProfile });
  const profile = snapshot.bfdProfiles.get(key);
  if (profile !== undefined) return timesOf(profile);
  const message = `there is no BFDProfile ${key}; the session goes without BFD`;
  findings.push(finding('BgpReferenceMissing', refOf(peer), 'spec.bfdProfile', message));
  return undefined;
}

function timesOf({ receiveIntervalMs, transmitIntervalMs, detectMultiplier, isPassive }: BfdProfile): BfdTimes {
  return { receiveIntervalMs, transmitIntervalMs, detectMultiplier, isPassive };
}

function refOf({ meta }: BgpPeer): ObjectRef {
  return { kind: 'BGPPeer', namespace: meta.namespace, name: meta.name };
}
