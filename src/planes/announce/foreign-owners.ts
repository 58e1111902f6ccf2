import { isRecord } from '../../lib/is-record.ts';
import { ipAddressOf, isIpv6Address, type IpAddress } from '../../model/grammar.ts';
import { word } from './configuration.ts';
import { runWith, setElements } from './nft-set.ts';

const NAME = 'sluice-owners';

/** An address on a network. */
export interface PlacedAddress {
  readonly address: IpAddress;
  readonly interface: string;
}

/** Somebody on the network who answers for an address that is to be ours. */
export interface ForeignOwner extends PlacedAddress {
  /** Of Ethernet, as `02:00:5e:00:00:01`. */
  readonly hardwareAddress: string;
}

/**
 * Hears who else answers for addresses (RFC 5227, RFC 4862). The kernel asks, by ARP and Neighbour Discovery, and notes who answers in
 * tables of its own: a process would need a raw socket for either.
 */
export class ForeignOwners {
  readonly #enter: readonly string[];
  readonly #rememberedS: number;
  #watched = '';

  /**
   * @param enter begins the command lines, as `nsenter --net=FILE` does
   * @param rememberedS for how long who was heard once counts
   */
  constructor(enter: readonly string[], rememberedS: number) {
    this.#enter = enter;
    this.#rememberedS = rememberedS;
  }

  /** Notes from now on who answers for these addresses, and for no others. @throws what a failing nft throws */
  async watch(addresses: readonly PlacedAddress[]): Promise<void> {
    const all = [...new Set(addresses.map(({ address }) => address))];
    const text = rules(all, this.#rememberedS);
    if (text === this.#watched) return;
    await runWith(this.#enter, ['nft', '-f', '-'], text);
    this.#watched = text;
  }

  /** Has the kernel ask who has these addresses. Answers are noted as they come. */
  async ask(addresses: readonly PlacedAddress[]): Promise<void> {
    for (const device of new Set(addresses.map((place) => place.interface))) {
      // An entry that there is would be believed for a while, and nobody asked.
      const lines = addresses
        .filter((place) => place.interface === device)
        .flatMap(({ address }) => [
          `neigh replace ${word(address)} dev ${word(device)} nud failed`,
          `neigh replace ${word(address)} dev ${word(device)} nud none use`,
        ]);
      // The interface may be gone, at which ip ends.
      await runWith(this.#enter, ['ip', '-batch', '-'], `${lines.join('\n')}\n`).catch(() => undefined);
    }
  }

  /** Who was heard lately, our own nodes among them. @throws what a failing nft throws */
  async heard(): Promise<readonly ForeignOwner[]> {
    if (this.#watched === '') return [];
    const families = await Promise.all(['arp', 'ip6'].map((family) => setElements(this.#enter, family, NAME, 'heard')));
    return families.flat().flatMap(decodeElement);
  }

  /** Listens no more. */
  async remove(): Promise<void> {
    this.#watched = '';
    for (const family of ['arp', 'ip6'])
      // There may be none.
      await runWith(this.#enter, ['nft', 'delete', 'table', family, NAME], '').catch(() => undefined);
  }
}

/** Who answers a question of Neighbour Discovery does so from the address itself, where it is an ordinary machine. */
function rules(addresses: readonly IpAddress[], rememberedS: number): string {
  const table = (family: string, type: string, hook: string, rule: string): string => `table ${family} ${NAME} {
  set watched { type ${type}; }
  set heard { type ifname . ${type} . ether_addr; flags dynamic,timeout; timeout ${String(rememberedS)}s; size 4096; }
  chain answers { type filter hook ${hook}; }
}
flush set ${family} ${NAME} watched
flush chain ${family} ${NAME} answers
add rule ${family} ${NAME} answers ${rule}
`;
  const elements = (family: string, own: readonly IpAddress[]): string =>
    own.length === 0 ? '' : `add element ${family} ${NAME} watched { ${own.map(word).join(', ')} }\n`;
  const isIpv6 = (address: IpAddress): boolean => isIpv6Address(address);
  return [
    table(
      'arp',
      'ipv4_addr',
      'input priority filter',
      'arp saddr ip @watched update @heard { meta iifname . arp saddr ip . arp saddr ether }',
    ),
    table(
      'ip6',
      'ipv6_addr',
      'prerouting priority raw',
      'icmpv6 type nd-neighbor-advert ip6 saddr @watched update @heard { meta iifname . ip6 saddr . ether saddr }',
    ),
    elements(
      'arp',
      addresses.filter((address) => !isIpv6(address)),
    ),
    elements('ip6', addresses.filter(isIpv6)),
  ].join('');
}

/** `{ elem: { val: { concat: [interface, address, hardware address] } } }`. */
function decodeElement(element: unknown): readonly ForeignOwner[] {
  const inner = isRecord(element) && isRecord(element['elem']) ? element['elem']['val'] : element;
  const parts = isRecord(inner) && Array.isArray(inner['concat']) ? (inner['concat'] as readonly unknown[]) : [];
  const [device, text, hardwareAddress] = parts;
  const address = typeof text === 'string' ? ipAddressOf(text) : undefined;
  if (typeof device !== 'string' || address === undefined || typeof hardwareAddress !== 'string') return [];
  return [{ interface: device, address, hardwareAddress }];
}
