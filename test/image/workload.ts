import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';

interface ValueFrom {
  readonly fieldRef: { readonly fieldPath: string };
}

export interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: ValueFrom;
}

export interface SecurityContext {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly runAsNonRoot?: boolean;
  readonly fsGroup?: number;
  readonly seccompProfile?: { readonly type: 'RuntimeDefault' | 'Unconfined' };
  readonly readOnlyRootFilesystem?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
}

export interface Volume {
  readonly name: string;
  readonly emptyDir?: { readonly medium?: 'Memory' };
  readonly hostPath?: { readonly path: string; readonly type?: 'DirectoryOrCreate' | 'FileOrCreate' };
}

export interface ContainerSpec {
  readonly image: string;
  readonly args: readonly string[];
  readonly env?: readonly EnvironmentVariable[];
  readonly securityContext: SecurityContext;
  readonly resources: { readonly limits: { readonly memory: string } };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

/** A pod template, as far as a container runtime hears of it. */
export interface PodSpec {
  readonly serviceAccountName: string;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext?: SecurityContext;
  readonly containers: readonly [ContainerSpec];
  readonly volumes: readonly Volume[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly template: { readonly spec: PodSpec } };
}

/** The pod template of a Deployment or DaemonSet in a file of deploy/. @throws Error when there is none. */
export async function readPodSpec(file: string, kind: string, name: string): Promise<PodSpec> {
  const text = await readFile(file, 'utf8');
  const manifests = parseAllDocuments(text).map((document) => document.toJS() as Manifest);
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`${file} has no ${kind} ${name}`);
  return found.spec.template.spec;
}
