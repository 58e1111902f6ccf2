import type { PersistentMap } from '../lib/persistent-map.ts';
import type { Kind } from './kinds.ts';
import type { ObjectRef } from './object.ts';

/** What an object is read for. */
export type Purpose = 'certificate' | 'default-certificate' | 'bgp-password' | 'settings' | 'headers';

/** An object of a kind that is read one by one, because something refers to it. */
export interface Want {
  readonly ref: ObjectRef & { readonly kind: Kind };
  /** Sorted, never empty. */
  readonly purposes: readonly Purpose[];
}

/** What a plan needs of the sources beyond what they watch anyway. */
export interface Wants {
  /** By `kind/namespace/name`. No other object of such a kind may be read. */
  readonly objects: PersistentMap<Want>;
  /** DNS names of ExternalName Services that routes use. */
  readonly names: PersistentMap<true>;
}
