import { createServer, type Server } from 'node:net';
import { readFile } from 'node:fs/promises';
import { Fault, messageOf } from '../lib/fault.ts';
import { findKubeProxy } from '../planes/l4/kube-proxy/kube-proxy.ts';
import { findProgram } from '../planes/l4/kernel/run-program.ts';
import type { NodeOptions } from './options.ts';

/** The bit of CAP_NET_ADMIN in a capability set (capabilities(7), linux/capability.h). */
const NET_ADMIN = 1n << 12n;

/** Why this machine's kernel cannot or should not be programmed; undefined when nothing is in the way. */
export async function whyNoNode(options: NodeOptions): Promise<string | undefined> {
  if (!(await hasNetAdmin())) return 'it needs root, or CAP_NET_ADMIN';
  if ((await findProgram('nft')) === undefined) return 'nft is not installed (package nftables)';
  if (await NodeLock.isTaken()) return 'another Sluice does it on this machine';
  const found = options.takesOver ? [] : await findKubeProxy();
  return found.length === 0 ? undefined : `kube-proxy is at work here (${found.join('; ')}); --takeover replaces it`;
}

async function hasNetAdmin(): Promise<boolean> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return effective !== undefined && (BigInt(`0x${effective}`) & NET_ADMIN) !== 0n;
}

/** Held by the one process that programs a network namespace; the kernel lets go of it however that process ends. */
export class NodeLock {
  /** Abstract Unix sockets belong to the network namespace, as the tables do (unix(7)). */
  static readonly #name = '\0sluice-node';
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws Fault `node-lock` when another process has it. */
  static async take(): Promise<NodeLock> {
    const server = createServer((socket) => socket.destroy());
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(NodeLock.#name, () => resolve());
      });
    } catch (cause) {
      const message = `another Sluice programs this machine already, and two cannot (${messageOf(cause)}); stop it, or run this one with --role gateway,controller`;
      throw new Fault('node-lock', message, { cause, retryable: false });
    }
    return new NodeLock(server);
  }

  static async isTaken(): Promise<boolean> {
    try {
      await (await NodeLock.take()).release();
      return false;
    } catch (thrown) {
      if (thrown instanceof Fault) return true;
      throw thrown;
    }
  }

  async release(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
