import type { WrittenElement } from './command.ts';
import type { Declaration } from './declaration.ts';

/** One element of a set or map. */
export interface Element extends WrittenElement {
  /** The set or map it is in, as nft names it: `ip sluice services`. */
  readonly set: string;
  /** What must be there before, in this order: the chain that the value goes to, and what that one needs. */
  readonly needs?: readonly Declaration[];
}
