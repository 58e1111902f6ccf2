import type { Fault } from '../lib/fault.ts';

/**
 * Writes one item, and returns how the world shows it from then on; undefined where the answer does not say. Throws a Fault when the
 * world says no.
 */
export type ItemWrite<Seen> = (signal: AbortSignal) => Promise<Seen | undefined>;

/**
 * A part of the world that is written item by item: the status of objects, Events, the balancers of a cloud. One item may be refused for
 * ever, and the others must not notice; that is what tells it from a `Plane`, which is applied as a whole.
 */
export interface KeyedPlane<Want, Seen> {
  readonly name: string;
  /**
   * What has to be written for the item to be as wanted; undefined where it is. Pure.
   *
   * @param want undefined: the item is not wanted (any more), and what we wrote is taken back
   * @param seen undefined: the item is not there, or nothing is known of it
   */
  compare(key: string, want: Want | undefined, seen: Seen | undefined): ItemWrite<Seen> | undefined;
  /** Whether a Fault says that nothing can be written for now, rather than that this one item cannot. */
  concernsAll(fault: Fault): boolean;
  /** Who else writes the item, for the log; undefined: nobody, or it is not known. */
  otherWriter(seen: Seen): string | undefined;
  /**
   * After how long an item that was written is compared again as if nothing were known of it, in milliseconds: for a world that forgets
   * and does not say so. Undefined where the world is observed.
   */
  readonly renewAfterMs: number | undefined;
}
