import type { ObjectMeta } from './object.ts';

/** How fast a peer that is gone is noticed by BFD, RFC 5880 (metallb.io/v1beta1 BFDProfile). */
export interface BfdProfile {
  readonly meta: ObjectMeta;
  /** The least time between two packets of the peer, in milliseconds. */
  readonly receiveIntervalMs: number;
  /** The least time between two packets of ours, in milliseconds. */
  readonly transmitIntervalMs: number;
  /** After so many missing packets the peer is gone. */
  readonly detectMultiplier: number;
  /** Whether the peer is waited for rather than spoken to first. */
  readonly isPassive: boolean;
}
