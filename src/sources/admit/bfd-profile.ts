import type { BfdProfile } from '../../model/bfd-profile.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import type { Change } from '../change.ts';
import { admitInteger } from './bgp-field.ts';
import type { Field } from './field.ts';

/** What a BFDProfile has where nothing is given (metallb.io/v1beta1). */
const DEFAULT_INTERVAL_MS = 300;
const DEFAULT_MULTIPLIER = 3;

/** Admits a BFDProfile (metallb.io/v1beta1). BIRD has no echo mode, and expects the TTL that RFC 5881 asks for. */
export function admitBfdProfile(raw: Field, meta: ObjectMeta): Change {
  const spec = raw.at('spec');
  const unsupported = 'has no effect: BIRD does not have it';
  if (spec.at('echoMode').boolean() === true) spec.at('echoMode').add('BgpFieldUnsupported', unsupported);
  for (const name of ['echoInterval', 'minimumTtl'])
    if (spec.at(name).number() !== undefined) spec.at(name).add('BgpFieldUnsupported', unsupported);
  const value: BfdProfile = {
    meta,
    receiveIntervalMs: admitInteger(spec.at('receiveInterval'), 10, 60_000) ?? DEFAULT_INTERVAL_MS,
    transmitIntervalMs: admitInteger(spec.at('transmitInterval'), 10, 60_000) ?? DEFAULT_INTERVAL_MS,
    detectMultiplier: admitInteger(spec.at('detectMultiplier'), 2, 255) ?? DEFAULT_MULTIPLIER,
    isPassive: spec.at('passiveMode').boolean() ?? false,
  };
  return { table: 'bfdProfiles', key: keyOf(meta), value };
}
