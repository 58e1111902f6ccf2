import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import type { InterfaceFacts } from '../compile/announce/announce-settings.ts';
import type { NodeFacts } from '../compile/settings.ts';
import { crash } from '../lib/crash.ts';
import { cidrOf } from '../model/cidr.ts';
import { ipAddressOf, type IpAddress } from '../model/grammar.ts';

/** How often interfaces are looked at, in milliseconds: addresses come and go rarely, and looking costs microseconds. */
const LOOK_EVERY_MS = 2_000;

/** An address that the default route leads to, of each family; nothing is ever sent there (RFC 5737, RFC 3849). */
const ELSEWHERE = { udp4: '192.0.2.1', udp6: '2001:db8::1' } as const;

/**
 * Where what listens on these addresses is reached by others, one address of each family: the one that the default route leads from, of a
 * machine without one the first that it has, or the one that is listened on alone.
 */
export async function listeningAddresses(bound: readonly string[]): Promise<readonly IpAddress[]> {
  const all = interfaceAddresses();
  const primary = await Promise.all([sourceTowards('udp4'), sourceTowards('udp6')]);
  const reachable = [...all.filter((address) => primary.includes(address)), ...all];
  const families = [
    { any: '0.0.0.0', isOf: (address: string) => !address.includes(':') },
    { any: '::', isOf: (address: string) => address.includes(':') },
  ];
  return families.flatMap(({ any, isOf }) => {
    const own = bound.filter(isOf);
    if (own.length === 0) return [];
    const [only] = own;
    const address = own.includes(any) || only === undefined ? reachable.find(isOf) : ipAddressOf(only);
    // Nobody else gets to a loopback address, and an EndpointSlice with one is refused.
    return address === undefined || /^127\.|^::1$/.test(address) ? [] : [address];
  });
}

/** The addresses of this machine's interfaces, followed as they change. */
export class InterfaceAddresses {
  #facts: NodeFacts = { addresses: interfaceAddresses() };
  #interfaces: readonly InterfaceFacts[] = observeInterfaces();

  /** The same object until an address comes or goes. */
  get facts(): NodeFacts {
    return this.#facts;
  }

  /** Those that may have addresses of Services; the same object until one of them changes. */
  get interfaces(): readonly InterfaceFacts[] {
    return this.#interfaces;
  }

  /** Looks now. Returns whether an address came or went, or another one is the primary one. */
  async look(): Promise<boolean> {
    const primary = await Promise.all([sourceTowards('udp4'), sourceTowards('udp6')]);
    const all = interfaceAddresses();
    const addresses = [...all.filter((address) => primary.includes(address)), ...all];
    const facts: NodeFacts = { addresses: [...new Set(addresses)] };
    const interfaces = await this.#withUnplugged(observeInterfaces());
    const areSame = JSON.stringify(interfaces) === JSON.stringify(this.#interfaces);
    if (areSame && facts.addresses.join() === this.#facts.addresses.join()) return false;
    this.#facts = facts;
    if (!areSame) this.#interfaces = interfaces;
    return true;
  }

  /**
   * With those whose cable is out: nobody hears of their addresses until it is in again, and by then all has to be as it was. Were their
   * addresses withdrawn meanwhile, a cable that is out for a moment would cost seconds.
   */
  async #withUnplugged(plugged: readonly InterfaceFacts[]): Promise<readonly InterfaceFacts[]> {
    const missing = this.#interfaces.filter(({ name }) => !plugged.some((other) => other.name === name));
    if (missing.length === 0) return plugged;
    const names = await interfaceNames();
    const unplugged = missing.filter(({ name }) => names.has(name));
    const known = this.#interfaces.flatMap(
      ({ name }) => plugged.find((item) => item.name === name) ?? unplugged.find((item) => item.name === name) ?? [],
    );
    return [...known, ...plugged.filter((item) => !known.includes(item))];
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

/** Every interface that there is, whether it has a cable or not (proc_net(5)); those of this process's own namespace. */
async function interfaceNames(): Promise<ReadonlySet<string>> {
  const text = await readFile('/proc/self/net/dev', 'utf8').catch(() => '');
  return new Set([...text.matchAll(/^\s*([^\s:]+):/gm)].map(([, name = '']) => name));
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

/** Interfaces of pods and their networks, on which nobody outside asks for an address (MetalLB's `excludel2`). */
const INNER =
  /^(?:docker|cbr|dummy|virbr|lxcbr|veth|cali|tunl|flannel|kube-ipvs|cni|nodelocaldns|lxc|cilium|vxlan|br-|podman)/;

/** An address without others in its network, as those of Services are bound, is nobody's own. */
function observeInterfaces(): readonly InterfaceFacts[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]): readonly InterfaceFacts[] => {
    if (INNER.test(name) || addresses.some(({ internal }) => internal)) return [];
    const networks = addresses.flatMap(({ address, cidr }) => {
      const [ip, network] = [ipAddressOf(address), cidrOf(cidr ?? '')];
      const isOwn = ip !== undefined && network !== undefined && network.prefix < (network.family === 4 ? 32 : 128);
      return isOwn && !/^fe[89ab]/.test(ip) ? [{ address: ip, network }] : [];
    });
    return networks.length === 0 ? [] : [{ name, networks }];
  });
}
