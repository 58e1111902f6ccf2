import type { LocalPods, NodePlan } from '../../../compile/l4/l4-plan.ts';
import { tellsLocalPods } from '../../../compile/l4/node-plan.ts';
import { invariant } from '../../../lib/invariant.ts';
import { cidrText, SETS, WORDS, type Family } from './names.ts';

/** What matches packets of the node itself. Dear, since it looks up a route: to be asked last. */
export const FROM_NODE = 'fib saddr type local';

/** What matches packets from clients inside of the cluster; undefined where that cannot be told. */
export function fromInside({ localPods }: NodePlan, family: Family): string | undefined {
  const ranges = rangesOf(localPods, family);
  const [only, ...others] = ranges;
  // A comparison costs a packet a fraction of a look-up.
  if (only !== undefined && others.length === 0) return `${WORDS[family].family} saddr ${cidrText(only)}`;
  return matchOf(localPods, family, SETS.podCidrs);
}

/** The ranges that {@link fromInside} looks for in {@link SETS.podCidrs}. */
export function lookedUpRanges({ localPods }: NodePlan, family: Family): LocalRanges {
  const ranges = rangesOf(localPods, family);
  return ranges.length > 1 ? ranges : [];
}

type LocalRanges = Extract<LocalPods, { readonly kind: 'cidrs' }>['cidrs'];

/** The ranges of a family by which pods are told, if they are. */
export function rangesOf(pods: LocalPods, family: Family): LocalRanges {
  return pods.kind === 'cidrs' ? pods.cidrs.filter((cidr) => cidr.family === family) : [];
}

/** What matches packets from pods of this node, in a table that has {@link SETS.ownPodCidrs}; undefined where that cannot be told. */
export function fromOwnPod({ ownPods }: NodePlan, family: Family): string | undefined {
  return matchOf(ownPods, family, SETS.ownPodCidrs);
}

function matchOf(pods: LocalPods, family: Family, set: string): string | undefined {
  if (!tellsLocalPods(pods, family)) return undefined;
  switch (pods.kind) {
    case 'unknown':
      return undefined;
    case 'cidrs':
      return `${WORDS[family].family} saddr @${set}`;
    case 'bridge':
      return `iifname ${interfaceName(pods.interface)}`;
    case 'interface-prefix':
      return `iifname ${interfaceName(`${pods.prefix}*`)}`;
  }
}

/** What matches all packets that `match`, one of those above, does not. */
export function not(match: string): string {
  return match.replace(/ (?=[@"]|local$|[0-9a-f.:]+\/\d+$)/, ' != ');
}

/** What tells sources on this node, its pods and itself, from all others. */
export interface SourceMatches {
  /** Each matches some of those on this node. */
  readonly local: readonly string[];
  /** Each matches some of all others. */
  readonly others: readonly string[];
}

/** Where packets come in. */
export function sourceMatches(node: NodePlan, family: Family): SourceMatches {
  const pod = fromOwnPod(node, family);
  return {
    local: [...(pod === undefined ? [] : [pod]), FROM_NODE],
    others: [[...(pod === undefined ? [] : [not(pod)]), not(FROM_NODE)].join(' ')],
  };
}

/** Where they have been routed: of what a bridge passes on, only the interface that it goes out by is known then ({@link passedOn}). */
export function sourceMatchesPastRouting(node: NodePlan, family: Family): SourceMatches {
  const cameIn = sourceMatches(node, family);
  const pod = fromOwnPod(node, family);
  const bridged = pod === undefined ? undefined : passedOn(pod);
  if (bridged === undefined) return cameIn;
  return {
    local: [...cameIn.local, bridged.match],
    others: [...cameIn.others.map((match) => `iif != 0 ${match}`), bridged.others],
  };
}

/**
 * What a bridge passes on between pods of its own comes by where br_netfilter is on, which kubeadm asks for. It goes out by the
 * interface that it came in by, but postrouting is told of the first alone (br_nf_post_routing), as with what the node itself sends.
 *
 * `match` is for what bridges of local pods pass on, `others` for what other bridges do. Undefined where pods are not told by interfaces.
 */
export function passedOn(pod: string): { readonly match: string; readonly others: string } | undefined {
  if (!pod.startsWith('iifname ')) return undefined;
  const out = pod.replace('iifname', 'oifname');
  return { match: `iif 0 ${out} ${not(FROM_NODE)}`, others: `iif 0 ${not(out)} ${not(FROM_NODE)}` };
}

/** A quoted interface name; the operator's flag has been checked, and is checked again where it becomes a rule. */
function interfaceName(name: string): string {
  invariant(/^[A-Za-z0-9._-]{1,15}\*?$/.test(name), `${JSON.stringify(name)} is the name of an interface`);
  return `"${name}"`;
}
