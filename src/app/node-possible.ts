import { createSocket, type Socket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { Fault, messageOf } from '../lib/fault.ts';
import { findKubeProxy } from '../planes/l4/kube-proxy/kube-proxy.ts';
import { findOtherProxies } from '../planes/l4/other-proxies.ts';
import { findProgram } from '../planes/l4/kernel/run-program.ts';
import type { NodeOptions } from './options.ts';
import { ROLES } from './role.ts';

/** The bit of CAP_NET_ADMIN in a capability set (capabilities(7), linux/capability.h). */
const NET_ADMIN = 1n << 12n;

/**
 * Why this machine's kernel cannot or should not be programmed by a process that nobody told to; undefined when nothing is in the way. A
 * kube-proxy may be taken over from; beside another one, Sluice programs the kernel only where its role is named.
 */
export async function whyNoNode(options: NodeOptions): Promise<string | undefined> {
  if (!(await hasNetAdmin())) return 'it needs root, or CAP_NET_ADMIN';
  if ((await findProgram('nft')) === undefined) return 'nft is not installed (package nftables)';
  const locked = await NodeLock.whyNot();
  if (locked !== undefined) return locked.message;
  const others = await findOtherProxies();
  if (others.length > 0)
    return `${others.join(', ')} is at work here, and may serve Services; where it does not, name the role: --role ${ROLES.join(',')}`;
  const found = options.takesOver ? [] : await findKubeProxy();
  return found.length === 0 ? undefined : `kube-proxy is at work here (${found.join('; ')}); --takeover replaces it`;
}

async function hasNetAdmin(): Promise<boolean> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return effective !== undefined && (BigInt(`0x${effective}`) & NET_ADMIN) !== 0n;
}

/**
 * Held by the one process that programs a network namespace; the kernel lets go of it however that process ends.
 *
 * It is a port, since those belong to the network namespace, as the tables do: two containers on the host's network find each other,
 * whatever folders they share, which no file would do. It is below 1024, so that it takes CAP_NET_BIND_SERVICE: anybody could take an
 * abstract Unix socket or a higher port, and Service traffic would not come back after a reboot. (A machine whose
 * net.ipv4.ip_unprivileged_port_start is below this port gives that away.) A table of nft with `flags owner` would need no other right
 * than NET_ADMIN, but also Linux 5.12 and a process to hold it, and whoever restores a whole ruleset beside us would fail.
 */
export class NodeLock {
  /** IANA has assigned UDP port 4 to nobody, and no program is given a port so low by chance (bindresvport begins at 512). */
  static readonly place = { address: '127.0.0.1', port: 4, exclusive: true } as const;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** @throws Fault `node-lock` when another process has it, `node-lock-denied` when this one may not take it. */
  static async take(): Promise<NodeLock> {
    const socket = createSocket('udp4');
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind(NodeLock.place, resolve);
      });
      return new NodeLock(socket);
    } catch (cause) {
      socket.close();
      if (cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE') {
        const message =
          'another Sluice programs this machine already, and two cannot; stop it, or run this one with --role gateway,controller';
        throw new Fault('node-lock', message, { cause, retryable: false });
      }
      const message = `cannot take the lock of this machine, UDP port ${String(NodeLock.place.port)} of ${NodeLock.place.address}: it needs root, or CAP_NET_BIND_SERVICE (${messageOf(cause)})`;
      throw new Fault('node-lock-denied', message, { cause, retryable: false });
    }
  }

  /** Why it cannot be taken, as {@link take} says it; undefined when it can. */
  static async whyNot(): Promise<Fault | undefined> {
    try {
      await (await NodeLock.take()).release();
      return undefined;
    } catch (thrown) {
      if (thrown instanceof Fault) return thrown;
      throw thrown;
    }
  }

  async release(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }
}
