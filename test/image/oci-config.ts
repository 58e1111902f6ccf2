/**
 * From a pod template to what the kubelet and its container runtime make of it: the config.json of the OCI runtime
 * specification (https://github.com/opencontainers/runtime-spec).
 */
import { readFileSync } from 'node:fs';
import type { PodSpec, SecurityContext } from './workload.ts';

/** What an image says about its processes. */
export interface ImageConfig {
  readonly user: { readonly uid: number; readonly gid: number };
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly workingDirectory: string;
}

/** A file or folder of the machine inside of a container. */
export interface BindMount {
  readonly source: string;
  readonly destination: string;
  readonly isReadOnly?: boolean;
}

export interface ContainerSurroundings {
  readonly image: ImageConfig;
  /** The root filesystem. */
  readonly root: string;
  readonly mounts: readonly BindMount[];
  /** What the kubelet adds to the environment, such as KUBERNETES_SERVICE_HOST. */
  readonly env: Readonly<Record<string, string>>;
  /** Values of the downward API, such as `spec.nodeName`. */
  readonly fields: Readonly<Record<string, string>>;
}

/** What containerd and CRI-O give a container that asks for nothing (containerd, `oci.defaultUnixCaps`). */
const DEFAULT_CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];

const MASKED_PATHS = [
  '/proc/acpi',
  '/proc/kcore',
  '/proc/keys',
  '/proc/sched_debug',
  '/proc/timer_list',
  '/sys/firmware',
];
const READ_ONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** The config.json of the container of a pod. It shares the network namespace of whoever starts it. */
export function ociConfig(pod: PodSpec, surroundings: ContainerSurroundings): unknown {
  const [container] = pod.containers;
  const security: SecurityContext = { ...pod.securityContext, ...container.securityContext };
  const capabilities = capabilitiesOf(security);
  const own = Object.fromEntries(
    (container.env ?? []).map(({ name, value, valueFrom }) => [
      name,
      valueFrom === undefined ? (value ?? '') : fieldOf(surroundings, valueFrom.fieldRef.fieldPath),
    ]),
  );
  // What the surroundings say comes last, for the values that a manifest leaves to its user.
  const env = { ...own, ...surroundings.env };
  const args = container.args.map((text) =>
    text.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => env[name] ?? whole),
  );
  const user = userOf(security, surroundings.image);
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { ...user, additionalGids: security.fsGroup === undefined ? [] : [security.fsGroup] },
      args: [...surroundings.image.entrypoint, ...args],
      env: [...surroundings.image.env, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)],
      cwd: surroundings.image.workingDirectory,
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: security.allowPrivilegeEscalation === false,
    },
    root: { path: surroundings.root, readonly: security.readOnlyRootFilesystem === true },
    mounts: [...SYSTEM_MOUNTS, ...surroundings.mounts.map(bind)],
    linux: {
      namespaces: ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READ_ONLY_PATHS,
      resources: { memory: { limit: bytesOf(container.resources.limits.memory) } },
      ...(security.seccompProfile?.type === 'RuntimeDefault' && { seccomp: defaultSeccomp(capabilities) }),
    },
  };
}

const SYSTEM_MOUNTS = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'noexec', 'nodev', 'mode=1777'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
];

function bind({ source, destination, isReadOnly }: BindMount): unknown {
  return { destination, source, type: 'bind', options: ['rbind', 'rprivate', isReadOnly === true ? 'ro' : 'rw'] };
}

function userOf(security: SecurityContext, image: ImageConfig): ImageConfig['user'] {
  const uid = security.runAsUser ?? image.user.uid;
  if (security.runAsNonRoot === true && uid === 0) throw new Error('the kubelet refuses root with runAsNonRoot');
  // With a user of its own a container has the group of /etc/passwd, which for root is 0, and not that of the image.
  return { uid, gid: security.runAsGroup ?? (security.runAsUser === undefined ? image.user.gid : 0) };
}

function capabilitiesOf({ capabilities: { drop = [], add = [] } = {} }: SecurityContext): readonly string[] {
  const kept = drop.includes('ALL') ? [] : DEFAULT_CAPABILITIES.filter((name) => !drop.includes(name));
  return [...new Set([...kept, ...add])].map((name) => `CAP_${name}`);
}

function fieldOf({ fields }: ContainerSurroundings, path: string): string {
  const value = fields[path];
  if (value === undefined) throw new Error(`nobody said what ${path} is`);
  return value;
}

function bytesOf(quantity: string): number {
  const [, digits = '', unit = ''] = /^(\d+)(Mi|Gi)$/.exec(quantity) ?? [];
  return Number(digits) * (unit === 'Gi' ? 2 ** 30 : 2 ** 20);
}

/** The default profile of Podman and CRI-O, which is Docker's and containerd's in another notation (package containers-common). */
const SECCOMP_FILE = '/usr/share/containers/seccomp.json';

interface SeccompCondition {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
}

interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly syscalls: readonly {
    readonly names: readonly string[];
    readonly action: string;
    readonly args?: readonly unknown[] | null;
    readonly errnoRet?: number;
    readonly includes?: SeccompCondition;
    readonly excludes?: SeccompCondition;
  }[];
}

function defaultSeccomp(capabilities: readonly string[]): unknown {
  const profile = JSON.parse(readFileSync(SECCOMP_FILE, 'utf8')) as SeccompProfile;
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const applies = (includes: SeccompCondition = {}, excludes: SeccompCondition = {}): boolean =>
    (includes.caps ?? []).every((name) => capabilities.includes(name)) &&
    (includes.arches ?? [architecture]).includes(architecture) &&
    !(excludes.caps ?? []).some((name) => capabilities.includes(name)) &&
    !(excludes.arches ?? []).includes(architecture);
  return {
    defaultAction: profile.defaultAction,
    defaultErrnoRet: profile.defaultErrnoRet,
    syscalls: profile.syscalls
      .filter(({ includes, excludes }) => applies(includes, excludes))
      .map(({ names, action, args, errnoRet }) => ({ names, action, args: args ?? [], errnoRet })),
  };
}
