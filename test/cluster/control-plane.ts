/**
 * A real Kubernetes control plane for tests: etcd, kube-apiserver and, if asked for,
 * kube-controller-manager, on 127.0.0.1, with their data in a temporary folder. There are no nodes and
 * nothing runs in it; objects, their validation, access rules, tokens and controllers are the real ones.
 */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { clusterAssets, type ClusterAssets } from './assets.ts';
import {
  apiServerFlags,
  apiServerUrl,
  controllerManagerFlags,
  etcdFlags,
  etcdUrl,
  layoutFiles,
  type Layout,
} from './component-flags.ts';
import { Component } from './component.ts';
import { dropEtcdHistory } from './etcd-history.ts';
import { freePort } from './free-port.ts';
import { httpStatus } from './http-status.ts';
import { Identities } from './identities.ts';

export interface ControlPlaneOptions {
  /**
   * Also run kube-controller-manager, with the controllers that Sluice meets: EndpointSlices (and those
   * mirrored from Endpoints), namespaces, ServiceAccounts, root CA ConfigMaps, garbage collection.
   */
  readonly hasControllers?: boolean;
  /** Users besides `admin`, with their groups. What they may do is up to RBAC: at first, next to nothing. */
  readonly users?: Readonly<Record<string, readonly string[]>>;
  /** Appended to kube-apiserver's flags, for example `--feature-gates=WatchList=false`. */
  readonly apiServerFlags?: readonly string[];
}

export interface KubectlOptions {
  /** What kubectl reads from standard input, for `-f -`. */
  readonly input?: string;
  /** Default: `admin`. */
  readonly user?: string;
}

const adminUser = 'admin';
const kubectlTimeoutMs = 60_000;

/** TokenRequest gives out nothing shorter. */
const shortestTokenSeconds = 600;

/** So long after its end the server still accepts a token, for the sake of clocks that differ. */
const tokenLeewaySeconds = 60;

/**
 * Starts a control plane on free ports. Holds when it serves and, with controllers, when these work: some
 * 3 seconds, unless the programs have to be built first ({@link clusterAssets}).
 *
 * @throws Error with the end of the log of the component that would not start
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const assets = await clusterAssets();
  const layout: Layout = {
    folder: await mkdtemp(join(tmpdir(), 'sluice-control-plane-')),
    etcdPort: await freePort(),
    etcdPeerPort: await freePort(),
    apiServerPort: await freePort(),
  };
  const controlPlane = new ControlPlane(assets, layout, options);
  try {
    await controlPlane.start();
  } catch (error) {
    await controlPlane.stop();
    throw error;
  }
  return controlPlane;
}

/** Ports, keys, users and data stay the same while its components come and go. */
export class ControlPlane {
  /** Of kube-apiserver. */
  readonly url: string;
  /** The PEM file with the authority that vouches for kube-apiserver. */
  readonly authorityFile: string;
  readonly #assets: ClusterAssets;
  readonly #layout: Layout;
  readonly #identities: Identities;
  readonly #etcd: Component;
  readonly #apiServer: Component;
  readonly #controllerManager: Component | undefined;
  readonly #removeFolder = (): void => rmSync(this.#layout.folder, { recursive: true, force: true });

  /** Use {@link startControlPlane}. */
  constructor(assets: ClusterAssets, layout: Layout, options: ControlPlaneOptions) {
    this.#assets = assets;
    this.#layout = layout;
    this.url = apiServerUrl(layout);
    this.authorityFile = layoutFiles(layout).authority;
    this.#identities = new Identities(
      layout,
      new Map([...Object.entries(options.users ?? {}), [adminUser, ['system:masters']]]),
    );
    this.#etcd = new Component({
      name: 'etcd',
      command: assets.etcd,
      args: etcdFlags(layout),
      logFile: join(layout.folder, 'etcd.log'),
      isReady: async () => (await httpStatus({ url: `${etcdUrl(layout)}/health` })) === 200,
    });
    this.#apiServer = new Component({
      name: 'kube-apiserver',
      command: assets.kubeApiServer,
      args: [...apiServerFlags(layout), ...(options.apiServerFlags ?? [])],
      logFile: join(layout.folder, 'kube-apiserver.log'),
      // The namespace appears a moment after the server calls itself ready.
      isReady: async () => (await this.#serves('/readyz')) && (await this.#serves('/api/v1/namespaces/default')),
    });
    if (options.hasControllers === true && assets.kubeControllerManager !== undefined) {
      this.#controllerManager = new Component({
        name: 'kube-controller-manager',
        command: assets.kubeControllerManager,
        args: controllerManagerFlags(layout, this.kubeconfig()),
        logFile: join(layout.folder, 'kube-controller-manager.log'),
        isReady: () => this.#serves('/api/v1/namespaces/default/configmaps/kube-root-ca.crt'),
      });
    }
  }

  /**
   * False when they were not asked for, or when KUBEBUILDER_ASSETS holds no kube-controller-manager; then
   * what needs them is to be skipped.
   */
  get hasControllers(): boolean {
    return this.#controllerManager !== undefined;
  }

  /** Use {@link startControlPlane}. */
  async start(): Promise<void> {
    process.once('exit', this.#removeFolder);
    await this.#identities.write();
    await this.#etcd.start();
    await this.#apiServer.start();
    await this.#controllerManager?.start();
  }

  /** Ends everything and removes the data and the logs. */
  async stop(): Promise<void> {
    for (const component of this.#components()) await component.kill();
    await rm(this.#layout.folder, { recursive: true, force: true });
    process.removeListener('exit', this.#removeFolder);
  }

  /** As a crash does: connections break, and new ones are refused. */
  killApiServer(): Promise<void> {
    return this.#apiServer.kill();
  }

  startApiServer(): Promise<void> {
    return this.#apiServer.start();
  }

  /** Connections stay open and nobody answers. */
  pauseApiServer(): void {
    this.#apiServer.pause();
  }

  resumeApiServer(): void {
    this.#apiServer.resume();
  }

  /** kube-apiserver keeps running; what it cannot answer from its caches fails. */
  stopEtcd(): Promise<void> {
    return this.#etcd.kill();
  }

  startEtcd(): Promise<void> {
    return this.#etcd.start();
  }

  /**
   * Restarts kube-apiserver without the past: it answers 410 to a watch or a page from before this call.
   *
   * A fresh server remembers nothing older than its start, but if nothing was written meanwhile, nothing
   * is missing; hence {@link dropEtcdHistory} writes. It compacts for the sake of what goes past the caches.
   */
  async forgetHistory(): Promise<void> {
    await this.killApiServer();
    await dropEtcdHistory(etcdUrl(this.#layout));
    await this.startApiServer();
  }

  /** kube-apiserver's requests to it hang instead of failing. */
  pauseEtcd(): void {
    this.#etcd.pause();
  }

  resumeEtcd(): void {
    this.#etcd.resume();
  }

  /** The kubeconfig file of `admin` or of one of the option's users. */
  kubeconfig(user: string = adminUser): string {
    return this.#identities.kubeconfig(user);
  }

  /** The bearer token of `admin` or of one of the option's users. It never expires. */
  userToken(user: string = adminUser): string {
    return this.#identities.token(user);
  }

  /**
   * Runs kubectl and returns what it wrote to standard output.
   *
   * @throws Error with the command and what it wrote to standard error
   */
  async kubectl(args: readonly string[], { input = '', user = adminUser }: KubectlOptions = {}): Promise<string> {
    const own = ['--kubeconfig', this.kubeconfig(user), '--cache-dir', join(this.#layout.folder, 'kubectl')];
    const options = { timeout: kubectlTimeoutMs, maxBuffer: 64 * 1024 * 1024 };
    const run = promisify(execFile)(this.#assets.kubectl, [...own, ...args], options);
    // A kubectl that ends before it has read its input says why itself.
    run.child.stdin?.on('error', () => undefined).end(input);
    const { stdout } = await run;
    return stdout;
  }

  /**
   * A token of a ServiceAccount that exists, by TokenRequest, which the server accepts for `ttlSeconds`.
   *
   * The server issues none for less than 10 minutes; a shorter one is such a token signed again with an
   * earlier end. It may notice that end 10 s late: so long it remembers that it accepted a token.
   */
  async serviceAccountToken(namespace: string, name: string, ttlSeconds: number): Promise<string> {
    const duration = `--duration=${Math.max(ttlSeconds, shortestTokenSeconds)}s`;
    const token = (await this.kubectl(['create', 'token', name, '--namespace', namespace, duration])).trim();
    if (ttlSeconds >= shortestTokenSeconds) return token;
    return this.#identities.withLifetime(token, ttlSeconds - tokenLeewaySeconds);
  }

  /** A kubeconfig file with a {@link serviceAccountToken}. */
  async serviceAccountKubeconfig(namespace: string, name: string, ttlSeconds: number): Promise<string> {
    const token = await this.serviceAccountToken(namespace, name, ttlSeconds);
    return this.#identities.writeKubeconfig(`${namespace}-${name}`, token);
  }

  /** The ends of all logs, to show when a test fails. */
  async logTails(): Promise<string> {
    const tails: string[] = [];
    for (const component of this.#components()) tails.push(await component.logTail());
    return tails.join('\n');
  }

  /** Dependents first. */
  #components(): readonly Component[] {
    const controllers = this.#controllerManager === undefined ? [] : [this.#controllerManager];
    return [...controllers, this.#apiServer, this.#etcd];
  }

  async #serves(path: string): Promise<boolean> {
    let authority: string;
    try {
      authority = await readFile(this.authorityFile, 'utf8');
    } catch {
      // kube-apiserver has not come as far as writing it.
      return false;
    }
    return (await httpStatus({ url: `${this.url}${path}`, authority, token: this.userToken() })) === 200;
  }
}
