import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeClient } from '../../src/kube/client.ts';
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts';
import { objectPath } from '../../src/kube/resource.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { resourceOf } from '../../src/model/kinds.ts';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import type { Agent } from './agent.ts';
import type { DesiredChange, KubeObject } from './objects.ts';
import { FAMILIES, SERVICE_CIDRS } from './topology.ts';

const OWNER = { fieldManager: 'lab', isForced: true };

/**
 * A real API server that the nodes of the lab can reach although there is no way out of it: it listens on 127.0.0.1 of the
 * machine's own namespace, and on the same port of every node's 127.0.0.1 the node's agent passes connections on, by a Unix
 * socket. So the kubeconfig and the server's certificate are good everywhere.
 */
export class LabApiServer {
  readonly #controlPlane: ControlPlane;
  readonly #client: KubeClient;
  readonly #folder: string;
  readonly #gate: Server;
  readonly #throughGate = new Set<Socket>();
  /** What has a status of ours that has to be taken back when it is no longer wanted. */
  readonly #hasStatus = new Set<string>();

  private constructor(controlPlane: ControlPlane, client: KubeClient, folder: string) {
    this.#controlPlane = controlPlane;
    this.#client = client;
    this.#folder = folder;
    this.#gate = createServer((near) => this.#passOn(near));
  }

  static async start(nodes: readonly Agent[]): Promise<LabApiServer> {
    const ranges = FAMILIES.map((family) => SERVICE_CIDRS[family]).join(',');
    const controlPlane = await startControlPlane({ apiServerFlags: [`--service-cluster-ip-range=${ranges}`] });
    const config = await loadKubeconfig(controlPlane.kubeconfig());
    const client = new KubeClient({ config, logger: silentLogger, userAgent: 'lab/1' });
    const folder = await mkdtemp(join(tmpdir(), 'sluice-lab-gate-'));
    const server = new LabApiServer(controlPlane, client, folder);
    await server.#openGate(nodes);
    return server;
  }

  get kubeconfig(): string {
    return this.#controlPlane.kubeconfig();
  }

  get controlPlane(): ControlPlane {
    return this.#controlPlane;
  }

  async write({ changed, removed }: DesiredChange): Promise<void> {
    for (const object of removed) await this.#remove(object);
    for (const object of changed) await this.#apply(object);
  }

  async stop(): Promise<void> {
    this.#client.close();
    for (const socket of this.#throughGate) socket.destroy();
    this.#gate.close();
    await this.#controlPlane.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #openGate(nodes: readonly Agent[]): Promise<void> {
    const socket = join(this.#folder, 'api.sock');
    this.#gate.listen(socket);
    await once(this.#gate, 'listening');
    const port = Number(new URL(this.#controlPlane.url).port);
    await Promise.all(nodes.map((node) => node.ask<'relay'>({ kind: 'relay', port, socket })));
  }

  #passOn(near: Socket): void {
    const far = connect(Number(new URL(this.#controlPlane.url).port), '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#throughGate.add(one);
      one.pipe(other);
      one
        .on('error', () => {})
        .on('close', () => {
          this.#throughGate.delete(one);
          other.destroy();
        });
    }
  }

  async #remove({ kind, metadata }: KubeObject): Promise<void> {
    this.#hasStatus.delete(metadata.name);
    await this.#client.request({ method: 'DELETE', path: objectPath(resourceOf(kind), metadata) });
  }

  async #apply(object: KubeObject): Promise<void> {
    const { apiVersion: _, kind, status, ...fields } = object;
    const { name, namespace } = object.metadata;
    const target = { resource: resourceOf(kind), name, namespace };
    const written = await this.#client.apply(target, fields, OWNER);
    if (written.kind !== 'written') throw new Error(`${kind} ${name}: ${written.kind}`, { cause: written.cause });
    if (status === undefined && !this.#hasStatus.delete(name)) return;
    if (status !== undefined) this.#hasStatus.add(name);
    // Not applied: that refuses a Node with two addresses of one type, as one of two families has.
    await this.#client.mergeStatus(target, status ?? { loadBalancer: null }, OWNER);
  }
}
