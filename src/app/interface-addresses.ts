import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import type { NodeFacts } from '../compile/settings.ts';
import { crash } from '../lib/crash.ts';
import { ipAddressOf, type IpAddress } from '../model/grammar.ts';

/** How often interfaces are looked at, in milliseconds: addresses come and go rarely, and looking costs microseconds. */
const LOOK_EVERY_MS = 2_000;

/** An address that the default route leads to, of each family; nothing is ever sent there (RFC 5737, RFC 3849). */
const ELSEWHERE = { udp4: '192.0.2.1', udp6: '2001:db8::1' } as const;

/** The addresses of this machine's interfaces, followed as they change. */
export class InterfaceAddresses {
  #facts: NodeFacts = { addresses: interfaceAddresses() };

  /** The same object until an address comes or goes. */
  get facts(): NodeFacts {
    return this.#facts;
  }

  /** Looks now. Returns whether an address came or went, or another one is the primary one. */
  async look(): Promise<boolean> {
    const primary = await Promise.all([sourceTowards('udp4'), sourceTowards('udp6')]);
    const all = interfaceAddresses();
    const addresses = [...all.filter((address) => primary.includes(address)), ...all];
    const facts: NodeFacts = { addresses: [...new Set(addresses)] };
    if (facts.addresses.join() === this.#facts.addresses.join()) return false;
    this.#facts = facts;
    return true;
  }

  /** Calls `onChange` after each change, until `signal` is aborted. */
  follow(signal: AbortSignal, onChange: () => void): void {
    const look = async (): Promise<void> => {
      if ((await this.look()) && !signal.aborted) onChange();
    };
    const timer = setInterval(() => void look().catch(crash), LOOK_EVERY_MS);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }
}

function interfaceAddresses(): readonly IpAddress[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const addresses = all.flatMap(({ address, internal }): readonly IpAddress[] => {
    const ip = ipAddressOf(address);
    // Link-local addresses mean nothing without their interface, so nobody elsewhere can name them.
    return ip === undefined || internal || /^fe[89ab]/.test(ip) ? [] : [ip];
  });
  return [...new Set(addresses)];
}

/**
 * The address that this machine has towards where its default route leads; undefined without one. connect(2) of a datagram socket looks up
 * the route and its source, and sends nothing.
 */
async function sourceTowards(family: keyof typeof ELSEWHERE): Promise<IpAddress | undefined> {
  const socket = createSocket(family);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(9, ELSEWHERE[family], (thrown?: Error) => (thrown === undefined ? resolve() : reject(thrown)));
    });
    return ipAddressOf(socket.address().address);
  } catch {
    // No route, or no such family.
    return undefined;
  } finally {
    socket.close();
  }
}
