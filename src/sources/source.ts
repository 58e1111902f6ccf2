import type { Wants } from '../model/want.ts';

/**
 * How far a source is. `syncing`: not everything is there yet; `lacks` is `wants` once all that it follows by itself is, and `own`
 * before. `stale`: what it gave is kept and served, but may be old.
 */
export type SourceState =
  | { readonly kind: 'syncing'; readonly lacks: 'own' | 'wants' }
  | { readonly kind: 'synced' }
  | { readonly kind: 'stale'; readonly sinceMs: number; readonly reason: string };

/**
 * Where desired state comes from. A source admits raw objects and commits them to the Store.
 *
 * It never removes an object because its own world went quiet: a folder that cannot be read, an API
 * server that does not answer, a 403 make it `stale`, not empty.
 */
export interface Source {
  readonly name: string;
  readonly state: SourceState;
  /** Runs until `signal` is aborted; resolves after everything that it opened is closed. Calls `onState` on each change of `state`. */
  run(signal: AbortSignal, onState: () => void): Promise<void>;
  /** Called with what the newest plan wants. */
  want(wants: Wants): void;
}
