import type { LabelSelector } from './label-selector.ts';
import type { ObjectMeta } from './object.ts';

/**
 * Which addresses are answered for on the local network, by which nodes and on which of their interfaces (metallb.io/v1beta1
 * L2Advertisement). Where there is none at all, all addresses are, by all nodes.
 */
export interface L2Advertisement {
  readonly meta: ObjectMeta;
  /** By name or by their labels; all pools where both lists are empty. */
  readonly pools: readonly string[];
  readonly poolSelectors: readonly LabelSelector[];
  /** One of them must select the node; every node where there is none. */
  readonly nodeSelectors: readonly LabelSelector[];
  /** One of them must select the Service; every Service where there is none. */
  readonly serviceSelectors: readonly LabelSelector[];
  /** Names of network interfaces; empty: the one that the address belongs to. */
  readonly interfaces: readonly string[];
  readonly preferredNodes: readonly NodePreference[];
}

/** How much nodes that are selected would rather have an address than others. */
export interface NodePreference {
  /** 1 to 100; those of all terms that select a node add up. */
  readonly weight: number;
  readonly selector: LabelSelector;
}
