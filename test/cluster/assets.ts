/**
 * The programs of a real Kubernetes control plane: kube-apiserver, kube-controller-manager, kubectl, etcd.
 * On request also kube-proxy, which tests of Service traffic compare with.
 *
 * No package archive has them, so they are built from the Go module proxy as ordinary dependencies of the
 * two modules in `assets/`, which pin them, and kept outside the checkout.
 * `node test/cluster/assets.ts [--with kube-proxy]` builds what is missing and prints the folder.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findGo } from './assets/go-toolchain.ts';
import { withFolderLock } from './assets/folder-lock.ts';
import { runWatched } from './assets/watched-command.ts';

export interface ClusterAssets {
  readonly folder: string;
  readonly etcd: string;
  readonly kubeApiServer: string;
  readonly kubectl: string;
  /** Undefined only where KUBEBUILDER_ASSETS names a folder without it, as envtest's own archives are. */
  readonly kubeControllerManager: string | undefined;
  /** Undefined unless it was asked for. */
  readonly kubeProxy: string | undefined;
}

/** What is built only for those who ask for it. */
export type ExtraProgram = 'kube-proxy';

export interface AssetsRequest {
  readonly with?: readonly ExtraProgram[];
  /** Is given the progress lines. Default: standard error. */
  readonly report?: (line: string) => void;
}

interface Program {
  readonly name: string;
  readonly version: string;
  /** The folder in `assets/` whose go.mod pins that. */
  readonly module: string;
  readonly goPackage: string;
  readonly linkerFlags: readonly string[];
}

const kubernetesVersion = pinnedVersion('kubernetes', 'k8s.io/kubernetes');
const etcdVersion = pinnedVersion('etcd', 'go.etcd.io/etcd/server/v3');

const programs: readonly Program[] = [
  ...['kube-apiserver', 'kube-controller-manager', 'kubectl'].map(kubernetesProgram),
  { name: 'etcd', version: etcdVersion, module: 'etcd', goPackage: 'go.etcd.io/etcd/server/v3', linkerFlags: [] },
];

function kubernetesProgram(name: string): Program {
  return {
    name,
    version: kubernetesVersion,
    module: 'kubernetes',
    goPackage: `k8s.io/kubernetes/cmd/${name}`,
    linkerFlags: kubernetesVersionFlags(),
  };
}

/**
 * Where the programs are; builds those that are missing (about 5 minutes on 2 cores, once per version).
 *
 * @throws Error with the reason and the alternatives
 */
export async function clusterAssets(request: AssetsRequest = {}): Promise<ClusterAssets> {
  const { with: extras = [], report = reportOnStderr } = request;
  const wanted = [...programs, ...extras.map(kubernetesProgram)];
  const own = process.env['KUBEBUILDER_ASSETS'] ?? '';
  if (own !== '') return ownAssets(own, wanted);
  const cache = cacheFolder();
  const folder = join(cache, 'kubernetes', `${kubernetesVersion}-etcd-${etcdVersion}`);
  if (missingFrom(folder, wanted).length > 0) {
    const onWait = (): void => report(`${folder} is being built by another process; waiting for it`);
    await withFolderLock(cache, onWait, () => buildMissing(cache, folder, wanted, report)).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`The test control plane cannot be built into ${folder}: ${reason}\n${alternatives}`, {
        cause: error,
      });
    });
  }
  return assetsIn(folder, wanted);
}

const alternatives =
  'It needs the Go module proxy (GOPROXY), about 5 GB of disk, and Go 1.26 or newer, or python3 with pip to fetch that.\n' +
  'Instead, set KUBEBUILDER_ASSETS to a folder that holds kube-apiserver, etcd, kubectl and, if possible, kube-controller-manager.';

function ownAssets(folder: string, wanted: readonly Program[]): ClusterAssets {
  const missing = missingFrom(folder, wanted);
  const required = missing.map(({ name }) => name).filter((name) => name !== 'kube-controller-manager');
  if (required.length > 0) {
    throw new Error(
      `KUBEBUILDER_ASSETS is ${folder}, but that folder has no ${required.join(', no ')}. ` +
        'Put them there, or unset KUBEBUILDER_ASSETS to have them built.',
    );
  }
  return assetsIn(
    folder,
    wanted.filter((program) => !missing.includes(program)),
  );
}

function assetsIn(folder: string, present: readonly Program[]): ClusterAssets {
  const ifPresent = (name: string): string | undefined =>
    present.some((program) => program.name === name) ? join(folder, name) : undefined;
  return {
    folder,
    etcd: join(folder, 'etcd'),
    kubeApiServer: join(folder, 'kube-apiserver'),
    kubectl: join(folder, 'kubectl'),
    kubeControllerManager: ifPresent('kube-controller-manager'),
    kubeProxy: ifPresent('kube-proxy'),
  };
}

function missingFrom(folder: string, wanted: readonly Program[]): readonly Program[] {
  return wanted.filter(({ name }) => !existsSync(join(folder, name)));
}

async function buildMissing(
  cache: string,
  folder: string,
  wanted: readonly Program[],
  report: (line: string) => void,
): Promise<void> {
  // Asked again, because whoever held the lock before may have built them.
  const missing = missingFrom(folder, wanted);
  if (missing.length === 0) return;
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  await mkdir(folder, { recursive: true });
  const go = await findGo(cache, report);
  for (const [index, program] of missing.entries()) {
    const title = `Building ${program.name} ${program.version} (${index + 1} of ${missing.length})`;
    await buildProgram(go, program, join(partial, program.name), title, report);
    await rename(join(partial, program.name), join(folder, program.name));
  }
  await rm(partial, { recursive: true });
}

function buildProgram(
  go: string,
  program: Program,
  output: string,
  title: string,
  report: (line: string) => void,
): Promise<void> {
  const linkerFlags = ['-s', '-w', ...program.linkerFlags].join(' ');
  return runWatched({
    title,
    command: go,
    // go.sum is the pin: a build that would have to change it stops.
    args: [
      'build',
      '-v',
      '-mod=readonly',
      '-trimpath',
      '-buildvcs=false',
      '-ldflags',
      linkerFlags,
      '-o',
      output,
      program.goPackage,
    ],
    cwd: join(import.meta.dirname, 'assets', program.module),
    env: { CGO_ENABLED: '0', GOWORK: 'off' },
    counts: kindOfGoOutput,
    report,
  });
}

/** `go build -v` names each package that it compiles, one per line, and each module that it downloads. */
function kindOfGoOutput(line: string): string | undefined {
  if (line.startsWith('go: downloading ')) return 'modules downloaded';
  return /^[\w./~-]+$/.test(line) ? 'packages compiled' : undefined;
}

/** Without these the server says that it is v0.0.0, and clients that look at its version go wrong. */
function kubernetesVersionFlags(): readonly string[] {
  const [major, minor] = kubernetesVersion.split('.');
  const fields = { gitVersion: `v${kubernetesVersion}`, gitMajor: major, gitMinor: minor };
  return Object.entries(fields).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
}

/** A version without its `v`, from the one place that holds it. */
function pinnedVersion(module: string, path: string): string {
  const file = join(import.meta.dirname, 'assets', module, 'go.mod');
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .map((text) =>
      text
        .replace(/^require\b/, '')
        .trim()
        .split(/\s+/),
    )
    .find(([word]) => word === path);
  const version = line?.[1];
  if (version === undefined) throw new Error(`${file} does not require ${path}`);
  return version.replace(/^v/, '');
}

/** Where everything that tests download or build is kept: outside the checkout. */
export function cacheFolder(): string {
  const { SLUICE_CACHE: own = '', XDG_CACHE_HOME: xdg = '' } = process.env;
  return own !== '' ? own : join(xdg !== '' ? xdg : join(homedir(), '.cache'), 'sluice');
}

function reportOnStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** What `--with` names on the command line. */
function requestedExtras(): readonly ExtraProgram[] {
  const { values } = parseArgs({ options: { with: { type: 'string', multiple: true, default: [] } } });
  return values.with.map((name) => {
    if (name !== 'kube-proxy') throw new Error(`--with ${name}: the only extra program is kube-proxy`);
    return name;
  });
}

if (import.meta.main) {
  try {
    const { folder } = await clusterAssets({ with: requestedExtras() });
    process.stdout.write(`${folder}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
