import { ipNumberOf, ipTextOf } from '../../lib/ip-number.ts';
import { countOf, rangeHas, type AddressRange } from '../../model/address-range.ts';
import type { IpAddress } from '../../model/grammar.ts';

/**
 * The addresses of one family in one pool: which are taken, and in which order the others are given out. First those that nobody has
 * had, upwards through the ranges as they are listed; then those that were given back, the longest unused one first, so that caches of
 * DNS and ARP that still name the last holder harm nobody.
 */
export class PoolSpace {
  readonly #ranges: readonly AddressRange[];
  readonly #avoidsBuggyAddresses: boolean;
  readonly #taken = new Set<IpAddress>();
  /** In the order in which they were given back. */
  readonly #returned = new Set<IpAddress>();
  /** The next address that nobody has had: a range, and the distance from its first address. */
  #next = { range: 0, offset: 0n };

  constructor(ranges: readonly AddressRange[], avoidsBuggyAddresses: boolean) {
    this.#ranges = ranges;
    this.#avoidsBuggyAddresses = avoidsBuggyAddresses;
  }

  /** Whether the address may be given out from here at all. */
  has(address: IpAddress): boolean {
    return this.#ranges.some((range) => rangeHas(range, address)) && !this.#isAvoided(address);
  }

  /** How many addresses there are, and how many of them are taken. */
  get counts(): { readonly total: bigint; readonly taken: number } {
    const total = this.#ranges.reduce((sum, range) => sum + countOf(range) - this.#avoidedIn(range), 0n);
    return { total, taken: this.#taken.size };
  }

  /** What was given back and is free, the longest unused one first. */
  get returned(): Iterable<IpAddress> {
    return this.#returned;
  }

  take(address: IpAddress): void {
    this.#returned.delete(address);
    this.#taken.add(address);
  }

  /** Makes an address free again that somebody had. */
  giveBack(address: IpAddress): void {
    this.#taken.delete(address);
    this.#returned.add(address);
  }

  /** The address that is to be given out next; undefined where all are taken. It stays free until it is taken. */
  get next(): IpAddress | undefined {
    for (;;) {
      const address = this.#candidate();
      if (address === undefined) break;
      if (!this.#taken.has(address) && !this.#returned.has(address) && !this.#isAvoided(address)) return address;
      this.#next = { range: this.#next.range, offset: this.#next.offset + 1n };
    }
    const [oldest] = this.#returned;
    return oldest;
  }

  #candidate(): IpAddress | undefined {
    for (;;) {
      const range = this.#ranges[this.#next.range];
      if (range === undefined) return undefined;
      if (this.#next.offset < countOf(range)) {
        const value = ipNumberOf(range.first).value + this.#next.offset;
        // What ipTextOf writes is canonical, which is what the brand says.
        return ipTextOf({ family: range.family, value }) as IpAddress;
      }
      this.#next = { range: this.#next.range + 1, offset: 0n };
    }
  }

  #isAvoided(address: IpAddress): boolean {
    return this.#avoidsBuggyAddresses && /^\d+\.\d+\.\d+\.(?:0|255)$/.test(address);
  }

  #avoidedIn({ family, first, last }: AddressRange): bigint {
    if (!this.#avoidsBuggyAddresses || family === 6) return 0n;
    const upTo = (value: bigint, remainder: bigint): bigint => (value - remainder + 256n) / 256n;
    const [low, high] = [ipNumberOf(first).value, ipNumberOf(last).value];
    return [0n, 255n].reduce((sum, byte) => sum + upTo(high, byte) - upTo(low - 1n, byte), 0n);
  }
}
