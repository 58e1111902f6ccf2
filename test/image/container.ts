import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Image } from './image.ts';
import { ociConfig } from './oci-config.ts';
import type { PodSpec } from './workload.ts';

const run = promisify(execFile);

const ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The kubelet's own, for pods that say nothing. */
const GRACE_PERIOD_SECONDS = 30;

export interface PodSurroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly fields?: Readonly<Record<string, string>>;
  /** What the pod is to the API server. */
  readonly account?: { readonly token: string; readonly authorityFile: string; readonly namespace: string };
}

/** A pod as a kubelet runs it, by runc; in the network namespace of the test. */
export class Pod {
  /** What the containers have printed. */
  output = '';
  readonly folder: string;
  readonly #image: Image;
  readonly #spec: PodSpec;
  readonly #surroundings: PodSurroundings;
  readonly #id: string;
  #child: ChildProcess | undefined;

  private constructor(folder: string, image: Image, spec: PodSpec, surroundings: PodSurroundings) {
    this.folder = folder;
    this.#id = basename(folder);
    this.#image = image;
    this.#spec = spec;
    this.#surroundings = surroundings;
  }

  /** With its volumes made, not started yet. What is on paths of the host lies in {@link Pod.folder} instead. */
  static async create(image: Image, spec: PodSpec, surroundings: PodSurroundings = {}): Promise<Pod> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-pod-'));
    const pod = new Pod(folder, image, spec, surroundings);
    for (const { name, hostPath } of spec.volumes) await makeVolume(pod.volume(name), hostPath?.type, spec);
    await writeFile(join(folder, 'hosts'), '127.0.0.1 localhost\n::1 localhost\n');
    await writeFile(join(folder, 'resolv.conf'), '');
    await mkdir(join(folder, 'account'));
    for (const [name, content] of Object.entries(await accountFiles(surroundings)))
      await writeFile(join(folder, 'account', name), content);
    return pod;
  }

  /** Where the volume of this name is on the machine. */
  volume(name: string): string {
    return join(this.folder, 'volumes', name);
  }

  /** Starts the container, also again after its end, and with other arguments: the volumes stay. */
  async start(args: readonly string[] = this.#spec.containers[0].args): Promise<void> {
    const container = { ...this.#spec.containers[0], args };
    const spec: PodSpec = { ...this.#spec, containers: [container] };
    const volumes = container.volumeMounts.map(({ name, mountPath }) => ({
      source: this.volume(name),
      destination: mountPath,
    }));
    const files = ['hosts', 'resolv.conf'].map((name) => ({
      source: join(this.folder, name),
      destination: `/etc/${name}`,
    }));
    const account = { source: join(this.folder, 'account'), destination: ACCOUNT_FOLDER, isReadOnly: true };
    const { env = {}, fields = {} } = this.#surroundings;
    const { config, root } = this.#image;
    const oci = ociConfig(spec, { image: config, root, mounts: [...volumes, ...files, account], env, fields });
    await writeFile(join(this.folder, 'config.json'), JSON.stringify(oci));
    const child = spawn('runc', ['run', '--bundle', this.folder, this.#id], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.#child = child;
  }

  /** Runs a command in the container, and returns what it printed. */
  async exec(...command: readonly string[]): Promise<string> {
    return (await run('runc', ['exec', this.#id, ...command])).stdout;
  }

  /** Ends the container as a kubelet does, and returns its exit status: 137 when it took longer than it may. */
  async stop(): Promise<number | null> {
    const { terminationGracePeriodSeconds = GRACE_PERIOD_SECONDS } = this.#spec;
    const killer = setTimeout(
      () => void this.signal('KILL').catch(() => undefined),
      terminationGracePeriodSeconds * 1000,
    );
    await this.signal('TERM');
    const status = await this.ended();
    clearTimeout(killer);
    return status;
  }

  /** Sends a signal to the first process of the container. */
  async signal(name: 'TERM' | 'KILL'): Promise<void> {
    await run('runc', ['kill', this.#id, name]);
  }

  /** Waits for the end of the container, and returns its exit status. */
  async ended(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) throw new Error('the container is not started');
    if (child.exitCode === null) await once(child, 'exit');
    return child.exitCode;
  }

  /** Ends what runs, and removes the volumes. */
  async remove(): Promise<void> {
    if (this.#child?.exitCode === null) {
      await this.signal('KILL').catch(() => undefined);
      await this.ended();
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function accountFiles({ account }: PodSurroundings): Promise<Readonly<Record<string, string>>> {
  if (account === undefined) return {};
  return {
    token: account.token,
    namespace: account.namespace,
    'ca.crt': await readFile(account.authorityFile, 'utf8'),
  };
}

/** As the kubelet makes them: an emptyDir for everybody, or for the group of the pod; what is on the host for root. */
async function makeVolume(
  path: string,
  type: 'DirectoryOrCreate' | 'FileOrCreate' | undefined,
  { securityContext }: PodSpec,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (type === 'FileOrCreate') {
    await writeFile(path, '', { mode: 0o644 });
    return;
  }
  await mkdir(path);
  if (type === 'DirectoryOrCreate') return;
  await chown(path, 0, securityContext?.fsGroup ?? 0);
  await run('chmod', ['2777', path]);
}
