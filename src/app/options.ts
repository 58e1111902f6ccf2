import type { CompileSettings } from '../compile/settings.ts';
import type { LogFormat, LogLevel } from '../observe/logger.ts';
import type { EngineSettings } from '../planes/l7/engine-settings.ts';
import type { RoleName } from './role.ts';

/** Where desired state comes from. */
export type SourceChoice =
  | { readonly kind: 'manifests'; readonly directory: string }
  /** `kubeconfig` undefined: the ServiceAccount of the pod. */
  | { readonly kind: 'cluster'; readonly kubeconfig: string | undefined };

/** All that `sluice run` was told. */
export interface RunOptions {
  readonly source: SourceChoice;
  readonly roles: ReadonlySet<RoleName>;
  /** Whether the operator named the roles; otherwise one that this machine does not allow is left out. */
  readonly areRolesExplicit: boolean;
  readonly node: NodeOptions;
  readonly compile: CompileSettings;
  readonly engine: EngineSettings;
  readonly haproxyPath: string | undefined;
  readonly stateDirectory: string;
  /** Where the Lease of the leader lives; undefined: the namespace of the kubeconfig or pod. */
  readonly leaseNamespace: string | undefined;
  /** `HOST:PORT`. */
  readonly apiAddress: string;
  readonly logFormat: LogFormat;
  readonly logLevel: LogLevel;
  readonly hasAccessLog: boolean;
  /** Whether HAProxy goes on serving after Sluice has ended. */
  readonly keepsServing: boolean;
  /** How long after SIGTERM new connections are still taken while `/readyz` already says no, in milliseconds. */
  readonly shutdownDelayMs: number;
  /** How long running requests may take to end after that, in milliseconds. */
  readonly drainMs: number;
}

/** What the node role was told beyond what compile needs to know. */
export interface NodeOptions {
  /** `HOST:PORT`; undefined: nowhere. */
  readonly healthzAddress: string | undefined;
  readonly servesLocalhostNodePorts: boolean;
  /** Whether settings of the kernel may be changed that Services need. */
  readonly changesKernelSettings: boolean;
  /** Whether an active kube-proxy is replaced. */
  readonly takesOver: boolean;
  /** The bridge that pods are told by; undefined: they are told otherwise. */
  readonly podBridge: string | undefined;
}
