import type { CompileSettings } from '../compile/settings.ts';
import type { EngineSettings } from '../planes/l7/engine-settings.ts';
import type { RunFlags } from './flags/register.ts';
import type { ReadArgument } from './ingress-nginx/arguments.ts';
import type { RoleName } from './role.ts';

/** Where desired state comes from. */
export type SourceChoice =
  | { readonly kind: 'manifests'; readonly directory: string }
  /** `kubeconfig` undefined: the ServiceAccount of the pod. */
  | {
      readonly kind: 'cluster';
      readonly kubeconfig: KubeconfigChoice | undefined;
      /** Undefined: all of them. */
      readonly namespaces: readonly string[] | undefined;
      /** Whether Gateways and what belongs to them are read. */
      readonly hasGatewayApi: boolean;
    };

/** Kubeconfig files, as `KUBECONFIG` names them, and the context that is meant; undefined: the current one. */
export interface KubeconfigChoice {
  readonly paths: string;
  readonly context: string | undefined;
}

type ProgramFlags = RunFlags['program'];
type NodeFlags = RunFlags['node'];

/** All that `sluice run` was given, with the defaults that depend on one another. */
export interface RunOptions extends Omit<ProgramFlags, 'roles' | 'stateDirectory'> {
  readonly source: SourceChoice;
  readonly roles: ReadonlySet<RoleName>;
  /** Whether the operator named the roles; otherwise one that this machine does not allow is left out. */
  readonly areRolesExplicit: boolean;
  /** The Node that this machine is. */
  readonly nodeName: string;
  readonly node: NodeOptions;
  readonly announce: AnnounceOptions;
  readonly bgp: BgpOptions;
  readonly compile: CompileSettings;
  readonly engine: EngineSettings;
  readonly stateDirectory: string;
  /** What became of the arguments of an ingress-nginx that were given. */
  readonly replacedArguments: readonly ReadArgument[];
}

/** How addresses are announced, beyond what compile has to know. */
export type AnnounceOptions = RunFlags['announce'];

/** How addresses are announced by BGP, beyond what compile has to know. */
export type BgpOptions = RunFlags['bgp'];

/** What the node role was given beyond what compile has to know. */
export interface NodeOptions extends NodeFlags {
  /** The bridge that pods are recognized by; undefined: they are recognized otherwise. */
  readonly podBridge: string | undefined;
  /** The settings of conntrack for the kernel. */
  readonly conntrack: RunFlags['conntrack'];
}
