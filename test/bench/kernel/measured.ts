import type { Programming } from './programming.ts';
import type { NodeCalls } from './proxied-node.ts';

/** Everything that one size gives; undefined is what was left out. */
export interface Measured {
  readonly services: number;
  readonly programming: Programming;
  readonly sluice: Agent;
  readonly kubeProxy: Agent | undefined;
  /** kube-proxy again, told to wait for nothing. */
  readonly eagerKubeProxy: Agent | undefined;
}

/** What was measured of a running program. */
export interface Agent {
  readonly name: string;
  readonly startMs: number;
  readonly changeMs: readonly number[];
  readonly usage: { readonly idle: NodeCalls['use']['reply']; readonly busy: NodeCalls['use']['reply'] } | undefined;
}
