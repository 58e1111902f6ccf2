import type { LocalPods } from '../../../compile/l4/l4-plan.ts';
import { tellsLocalPods } from '../../../compile/l4/node-plan.ts';
import { invariant } from '../../../lib/invariant.ts';
import { SETS, WORDS, type Family } from './names.ts';

/** What matches packets of the node itself. Dear, since it looks up a route: to be asked last. */
export const FROM_NODE = 'fib saddr type local';

/** What matches packets from pods of this node, in a table that has {@link SETS.podCidrs}; undefined where that cannot be told. */
export function fromLocalPod(localPods: LocalPods, family: Family): string | undefined {
  if (!tellsLocalPods(localPods, family)) return undefined;
  switch (localPods.kind) {
    case 'unknown':
      return undefined;
    case 'cidrs':
      return `${WORDS[family].family} saddr @${SETS.podCidrs}`;
    case 'bridge':
      return `iifname ${interfaceName(localPods.interface)}`;
    case 'interface-prefix':
      return `iifname ${interfaceName(`${localPods.prefix}*`)}`;
  }
}

/** What matches all packets that `match`, one of those above, does not. */
export function not(match: string): string {
  return match.replace(/ (?=[@"]|local$)/, ' != ');
}

/** What tells sources on this node, its pods and itself, from all others. */
export interface SourceMatches {
  /** Each matches some of those on this node. */
  readonly local: readonly string[];
  /** Matches all others. */
  readonly others: string;
}

export function sourceMatches(localPods: LocalPods, family: Family): SourceMatches {
  const pod = fromLocalPod(localPods, family);
  return {
    local: [...(pod === undefined ? [] : [pod]), FROM_NODE],
    others: [...(pod === undefined ? [] : [not(pod)]), not(FROM_NODE)].join(' '),
  };
}

/** A quoted interface name; the operator's flag has been checked, and is checked again where it becomes a rule. */
function interfaceName(name: string): string {
  invariant(/^[A-Za-z0-9._-]{1,15}\*?$/.test(name), `${JSON.stringify(name)} is the name of an interface`);
  return `"${name}"`;
}
