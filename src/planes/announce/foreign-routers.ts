import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ipNumberOf } from '../../lib/ip-number.ts';
import { isRecord } from '../../lib/is-record.ts';
import { ipAddressOf, type IpAddress } from '../../model/grammar.ts';
import { CONSTANT_IPV4_PREFIX, CONSTANT_IPV6_PREFIX, word } from './configuration.ts';
import { runWith, setElements } from './nft-set.ts';

const run = promisify(execFile);

const FAMILY = 'inet';
const NAME = 'sluice-vrrp';
const TABLE = `${FAMILY} ${NAME}`;

/** For how long who was heard once counts, in seconds: of a router that advertises once a second, ten advertisements. */
const REMEMBERED_S = 10;

/** For how long a node of ours counts as one, in seconds: longer than what it was heard to answer for. */
const PEER_REMEMBERED_S = 60;

/**
 * Where VRRP advertises over IPv4 and IPv6 (RFC 9568), as Ethernet has it, and the set that says which interfaces were had join. A network card
 * drops what is sent to a group that nobody joined, and nodes of ours that are not heard are taken for others.
 */
const GROUPS = [
  { address: '01:00:5e:00:00:12', noted: 'joined' },
  { address: '33:33:00:00:00:12', noted: 'joined6' },
] as const;

type Group = (typeof GROUPS)[number];

/** Somebody on the network who uses a virtual router identifier, and is none of us. */
export interface ForeignRouter {
  readonly interface: string;
  /** Whose advertisements were heard. */
  readonly address: IpAddress;
  /** The identifier, 1 to 255. */
  readonly id: number;
}

/**
 * Hears who else speaks VRRP (IPv4) on the network: the identifiers are the network's, and a router that steps down for our advertisements takes
 * its network with it. The kernel notes them, in a table of its own, since a process may not listen to a protocol without an open raw socket.
 *
 * Ours are told from others by what they advertise: an address with {@link CONSTANT_IPV4_PREFIX}, which nobody else has.
 */
export class ForeignRouters {
  readonly #enter: readonly string[];

  /** @param enter begins the command lines, as `nsenter --net=FILE` does */
  constructor(enter: readonly string[]) {
    this.#enter = enter;
  }

  /** Listens on these interfaces, and on no others. Does nothing but that where it listens already. @throws what failing programs throw */
  async listen(interfaces: ReadonlySet<string>): Promise<void> {
    await this.#nft(rules());
    for (const group of GROUPS) {
      const joined = await this.#joined(group);
      for (const device of joined) if (!interfaces.has(device)) await this.#leave(group, device);
      for (const device of interfaces) if (!joined.has(device)) await this.#join(group, device);
    }
  }

  /** Those that were heard lately. @throws what a failing nft throws */
  async heard(): Promise<readonly ForeignRouter[]> {
    return (await this.#elementsOf('foreign')).flatMap(decodeElement);
  }

  /** The Ethernet addresses of nodes of ours that have had a virtual router lately. @throws what a failing nft throws */
  async peers(): Promise<ReadonlySet<string>> {
    return new Set((await this.#elementsOf('peers')).flatMap(decodePeer));
  }

  /** Listens no more, and takes everything away. */
  async remove(): Promise<void> {
    // There may be nothing of all that.
    for (const group of GROUPS)
      for (const device of await this.#joined(group).catch(() => []))
        await this.#leave(group, device).catch(() => undefined);
    await this.#run(['nft', 'delete', 'table', FAMILY, NAME]).catch(() => undefined);
  }

  /** Has the interface take what is sent to the group. One that does so already does it for somebody else, and is not ours to change. */
  async #join({ address, noted }: Group, device: string): Promise<void> {
    const shown = await this.#run(['ip', '-json', 'maddress', 'show', 'dev', device]).catch(() => undefined);
    // The interface may be gone.
    if (shown === undefined || hasStatic(address, shown)) return;
    // Noted before: one that is noted and not there harms nobody.
    await this.#nft(`add element ${TABLE} ${noted} { "${word(device)}" }\n`);
    await this.#run(['ip', 'maddress', 'add', address, 'dev', device]).catch(() => undefined);
  }

  async #leave({ address, noted }: Group, device: string): Promise<void> {
    await this.#run(['ip', 'maddress', 'del', address, 'dev', device]).catch(() => undefined);
    await this.#nft(`delete element ${TABLE} ${noted} { "${word(device)}" }\n`);
  }

  /** The interfaces that were had join the group, by this run or by one before. */
  async #joined({ noted }: Group): Promise<ReadonlySet<string>> {
    const elements = await this.#elementsOf(noted);
    return new Set(elements.filter((element) => typeof element === 'string'));
  }

  #elementsOf(set: string): Promise<readonly unknown[]> {
    return setElements(this.#enter, FAMILY, NAME, set);
  }

  #nft(input: string): Promise<void> {
    return runWith(this.#enter, ['nft', '-f', '-'], input);
  }

  async #run(command: readonly string[]): Promise<string> {
    const [program = '', ...args] = [...this.#enter, ...command];
    return (await run(program, args)).stdout;
  }
}

/** Whether the interface was told by a program, and not only by a socket, to take what is sent to the group. */
function hasStatic(group: Group['address'], shown: string): boolean {
  const links: unknown = JSON.parse(shown.trim() === '' ? '[]' : shown);
  return (Array.isArray(links) ? (links as readonly unknown[]) : []).some((link) => {
    const addresses = isRecord(link) && Array.isArray(link['maddr']) ? (link['maddr'] as readonly unknown[]) : [];
    return addresses.some((entry) => isRecord(entry) && entry['link'] === group && entry['features'] === 'static');
  });
}

/**
 * An identifier as a constant in every rule: nft 1.0.6 loads a set whose key has a raw field of the packet, and crashes when it lists one. Only
 * advertisements of others get as far as these rules.
 */
function rules(): string {
  const [a = 0, b = 0, c = 0] = CONSTANT_IPV4_PREFIX.split('.').map(Number);
  const ours = `0x${((a << 16) | (b << 8) | c).toString(16)}`;
  const ours6 = `0x${ipNumberOf(`${CONSTANT_IPV6_PREFIX}:0`).value.toString(16).slice(0, 28)}`;
  const ids = Array.from({ length: 255 }, (_, index) => index + 1);
  return `table ${TABLE} {
${GROUPS.map(({ noted }) => `  set ${noted} { type ifname; }`).join('\n')}
  set peers { type ether_addr; flags dynamic,timeout; timeout ${String(PEER_REMEMBERED_S)}s; size 1024; }
  set foreign { type ifname . ipv4_addr . mark; flags dynamic,timeout; timeout ${String(REMEMBERED_S)}s; size 1024; }
  chain foreign {}
  chain heard { type filter hook prerouting priority raw; }
}
flush chain ${TABLE} foreign
flush chain ${TABLE} heard
add rule ${TABLE} heard ip protocol 112 @th,64,24 == ${ours} update @peers { ether saddr } accept
add rule ${TABLE} heard ip6 nexthdr 112 @th,64,112 == ${ours6} update @peers { ether saddr } accept
add rule ${TABLE} heard ip protocol 112 jump foreign
${ids.map((id) => `add rule ${TABLE} foreign @th,8,8 ${String(id)} update @foreign { meta iifname . ip saddr . ${String(id)} }`).join('\n')}
`;
}

/** `{ elem: { val: { concat: [interface, address, id] } } }`. */
function decodeElement(element: unknown): readonly ForeignRouter[] {
  const inner = isRecord(element) && isRecord(element['elem']) ? element['elem']['val'] : element;
  const parts = isRecord(inner) && Array.isArray(inner['concat']) ? (inner['concat'] as readonly unknown[]) : [];
  const [device, text, id] = parts;
  const address = typeof text === 'string' ? ipAddressOf(text) : undefined;
  if (typeof device !== 'string' || address === undefined || typeof id !== 'number') return [];
  return [{ interface: device, address, id }];
}

/** `{ elem: { val: hardware address } }`. */
function decodePeer(element: unknown): readonly string[] {
  const inner = isRecord(element) && isRecord(element['elem']) ? element['elem']['val'] : element;
  return typeof inner === 'string' ? [inner] : [];
}
