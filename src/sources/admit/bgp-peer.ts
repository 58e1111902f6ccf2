import type { BgpNeighbor, BgpPassword, BgpPeer, PeerAs } from '../../model/bgp-peer.ts';
import { ipAddressOf, isDnsSubdomain, isIpv6Address, type IpAddress } from '../../model/grammar.ts';
import { isInterfaceName } from '../../model/interface-name.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import { isBgpPassword, SecretText } from '../../model/secret-text.ts';
import type { Change } from '../change.ts';
import { admitInteger, admitSeconds } from './bgp-field.ts';
import { shown, type Field } from './field.ts';
import { admitSelectors } from './labels.ts';

/** AS numbers have four bytes, and 0 is nobody's (RFC 6793, RFC 7607). */
const LAST_AS = 0xffff_ffff;

/** The highest port that a BGPPeer may name (metallb.io/v1beta2). */
const LAST_PEER_PORT = 16_384;

const BGP_PORT = 179;

/** Marks what cannot be used: without it nobody would know whom to speak to, or as whom. */
const WRONG = Symbol('wrong');

/**
 * Admits a BGPPeer (metallb.io/v1beta2, and v1beta1, which has fewer fields). One that does not say whom to speak to, and how to prove who
 * both are, is not admitted at all.
 */
export function admitBgpPeer(raw: Field, meta: ObjectMeta): Change | undefined {
  const spec = raw.at('spec');
  const neighbor = admitNeighbor(spec);
  const myAs = required(spec.at('myASN'), admitInteger(spec.at('myASN'), 1, LAST_AS));
  const peerAs = admitPeerAs(spec);
  const sourceAddress = admitAddress(spec.at('sourceAddress'));
  const password = admitPassword(spec);
  const vrf = admitWord(spec.at('vrf'), isInterfaceName, 'the name of a network interface');
  if (neighbor === WRONG || myAs === WRONG || peerAs === WRONG || sourceAddress === WRONG) return undefined;
  if (password === WRONG || vrf === WRONG) return undefined;
  const localAs = admitInteger(spec.at('localASN'), 1, LAST_AS) ?? myAs;
  const bfdProfile = admitWord(spec.at('bfdProfile'), isDnsSubdomain, 'the name of a BFDProfile');
  const value: BgpPeer = {
    meta,
    neighbor,
    localAs,
    peerAs,
    sourceAddress,
    ...admitTimes(spec),
    routerId: admitRouterId(spec.at('routerID')),
    nodeSelectors: admitSelectors(spec.at('nodeSelectors')),
    password,
    bfdProfile: bfdProfile === WRONG ? undefined : bfdProfile,
    hasGracefulRestart: spec.at('enableGracefulRestart').boolean() ?? false,
    isMultihop: admitMultihop(spec.at('ebgpMultiHop'), peerAs === 'internal' || peerAs === localAs, neighbor),
    vrf,
    isDualStack: admitDualStack(spec),
  };
  return { table: 'bgpPeers', key: keyOf(meta), value };
}

function required<T>(field: Field, value: T | undefined): T | typeof WRONG {
  if (value !== undefined) return value;
  if (field.isAbsent) field.add('BgpValueInvalid', 'is missing');
  return WRONG;
}

function admitNeighbor(spec: Field): BgpNeighbor | typeof WRONG {
  const field = spec.at('peerAddress');
  const device = admitWord(spec.at('interface'), isInterfaceName, 'the name of a network interface');
  const isGiven = field.text() !== undefined && field.text() !== '';
  if (isGiven === (device !== undefined)) {
    field.add('BgpValueInvalid', isGiven ? 'stands beside interface, and one of them is meant' : 'is missing');
    return WRONG;
  }
  if (device === WRONG) return WRONG;
  if (device !== undefined) return { kind: 'interface', interface: device };
  const address = admitAddress(field);
  const portField = spec.at('peerPort');
  const port = portField.number() === 0 ? BGP_PORT : (admitInteger(portField, 1, LAST_PEER_PORT) ?? BGP_PORT);
  return address === WRONG || address === undefined ? WRONG : { kind: 'address', address, port };
}

/** MetalLB writes 0 and an empty word where nothing is given. */
function admitPeerAs(spec: Field): PeerAs | typeof WRONG {
  const field = spec.at('peerASN');
  const number = field.number() === 0 ? undefined : admitInteger(field, 1, LAST_AS);
  const dynamic = spec.at('dynamicASN').text() ?? '';
  if (dynamic !== '' && dynamic !== 'internal' && dynamic !== 'external') {
    spec.at('dynamicASN').add('BgpValueInvalid', `${shown(dynamic)} is neither internal nor external`);
    return WRONG;
  }
  if (number !== undefined && dynamic !== '') {
    field.add('BgpValueInvalid', 'stands beside dynamicASN, and one of them is meant');
    return WRONG;
  }
  if (dynamic !== '') return dynamic;
  if (number === undefined && (field.isAbsent || field.number() === 0)) field.add('BgpValueInvalid', 'is missing');
  return number ?? WRONG;
}

function admitAddress(field: Field): IpAddress | undefined | typeof WRONG {
  const text = field.text() ?? '';
  if (text === '') return undefined;
  const address = ipAddressOf(text);
  if (address !== undefined) return address;
  field.add('BgpValueInvalid', `${shown(text)} is not an IP address`);
  return WRONG;
}

function admitRouterId(field: Field): IpAddress | undefined {
  const address = admitAddress(field);
  if (address === undefined || address === WRONG) return undefined;
  if (!isIpv6Address(address)) return address;
  field.add('BgpValueInvalid', `${address} is not an IPv4 address, in whose form a router identifier is written`);
  return undefined;
}

function admitWord(field: Field, isOne: (text: string) => boolean, what: string): string | undefined | typeof WRONG {
  const text = field.text() ?? '';
  if (text === '') return undefined;
  if (isOne(text)) return text;
  field.add('BgpValueInvalid', `${shown(text)} is not ${what}`);
  return WRONG;
}

/** Its text never stands in a Finding. */
function admitPassword(spec: Field): BgpPassword | undefined | typeof WRONG {
  const isTyped = spec.at('password').isAbsent || spec.at('password').secretText() !== undefined;
  if (!isTyped) return WRONG;
  const text = spec.at('password').secretText() ?? '';
  const name = admitWord(spec.at('passwordSecret').at('name'), isDnsSubdomain, 'the name of a Secret');
  if (name === WRONG) return WRONG;
  if (text !== '' && name !== undefined) {
    spec.at('password').add('BgpValueInvalid', 'stands beside passwordSecret, and one of them is meant');
    return WRONG;
  }
  if (name !== undefined) return { kind: 'secret', name };
  if (text === '') return undefined;
  if (isBgpPassword(text)) return { kind: 'text', text: new SecretText(text) };
  spec.at('password').add('BgpPasswordUnusable', 'has characters that BIRD cannot be given, or is too long');
  return WRONG;
}

function admitTimes(spec: Field): Pick<BgpPeer, 'holdTimeS' | 'keepaliveTimeS' | 'connectTimeS'> {
  const isHoldTime = (seconds: number): boolean => seconds === 0 || (seconds >= 3 && seconds <= 65_535);
  const holdTimeS = admitSeconds(spec.at('holdTime'), isHoldTime, '0s, or from 3s to 65535s in whole seconds');
  const isKeepalive = (seconds: number): boolean => seconds >= 1 && seconds <= 65_535;
  const keepalive = spec.at('keepaliveTime');
  const keepaliveTimeS = admitSeconds(keepalive, isKeepalive, 'from 1s to 65535s in whole seconds');
  const isTooLong = holdTimeS !== undefined && keepaliveTimeS !== undefined && keepaliveTimeS > holdTimeS;
  if (isTooLong)
    keepalive.add('BgpValueInvalid', 'is longer than holdTime, so that each silence would end the session');
  const connectTimeS = admitSeconds(spec.at('connectTime'), isKeepalive, 'from 1s to 65535s in whole seconds');
  return { holdTimeS, keepaliveTimeS: isTooLong ? undefined : keepaliveTimeS, connectTimeS };
}

/** A session in one AS may lead over any number of hops anyway; on a link there is one. */
function admitMultihop(field: Field, isInternal: boolean, neighbor: BgpNeighbor): boolean {
  if (field.boolean() !== true) return false;
  const isMeant = !isInternal && neighbor.kind === 'address';
  if (!isMeant) field.add('BgpValueInvalid', 'is for peers of another AS that have an address');
  return isMeant;
}

/** `disableMP` asks for what is done anyway, unless `dualStackAddressFamily` says otherwise. */
function admitDualStack(spec: Field): boolean {
  const isDualStack = spec.at('dualStackAddressFamily').boolean() ?? false;
  const isDisabled = spec.at('disableMP').boolean() ?? false;
  if (isDualStack && isDisabled)
    spec.at('disableMP').add('BgpValueInvalid', 'contradicts dualStackAddressFamily, which is followed');
  return isDualStack;
}
