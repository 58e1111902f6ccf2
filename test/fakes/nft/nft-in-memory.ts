import type { Fault } from '../../../src/lib/fault.ts';
import type { NftDriver } from '../../../src/planes/l4/kernel/nft.ts';
import { NftRefusedFault } from '../../../src/planes/l4/kernel/nft-refusal.ts';
import { FakeNft } from './fake-nft.ts';
import { FakeNftRefusal } from './refusal.ts';

/** The driver of nft(8) with the fake behind it, in place of a program and a kernel. */
export class NftInMemory implements NftDriver {
  readonly kernel = new FakeNft();
  /** Thrown from every call, as long as it is set. */
  trouble: Fault | undefined;

  async apply(transaction: string): Promise<void> {
    await this.#give(() => this.kernel.apply(transaction.split('\n')));
  }

  async check(transaction: string): Promise<void> {
    await this.#give(() => this.kernel.check(transaction.split('\n')));
  }

  async #give(transaction: () => void): Promise<void> {
    await Promise.resolve();
    if (this.trouble !== undefined) throw this.trouble;
    try {
      transaction();
    } catch (thrown) {
      if (!(thrown instanceof FakeNftRefusal)) throw thrown;
      throw new NftRefusedFault({ message: thrown.message, line: undefined });
    }
  }

  async listJson([kind = '', family = '', table = '', name]: readonly string[]): Promise<unknown> {
    await Promise.resolve();
    if (this.trouble !== undefined) throw this.trouble;
    if (kind !== 'chains' && !this.kernel.tables.has(`${family} ${table}`))
      throw new NftRefusedFault({ message: 'No such file or directory', line: undefined });
    return listed(this.kernel, (tableName, item) =>
      kind === 'chains'
        ? item.kind === 'chain' && tableName.startsWith(`${family} `)
        : tableName === `${family} ${table}` && (kind === 'table' || item.name === name),
    );
  }

  close(): void {}
}

/** What there is of chains, and of maps with their elements, as `nft -j list` prints it (libnftables-json(5)). */
export function listed(
  { tables }: FakeNft,
  isAsked: (tableName: string, item: { readonly kind: 'chain' | 'map'; readonly name: string }) => boolean,
): unknown {
  const nftables = [...tables].flatMap(([tableName, { chains, sets }]) => {
    const table = tableName.split(' ')[1];
    const ofChains = [...chains.keys()]
      .filter((name) => isAsked(tableName, { kind: 'chain', name }))
      .map((name) => ({ chain: { table, name } }));
    const ofMaps = [...sets]
      .filter(([name]) => isAsked(tableName, { kind: 'map', name }))
      .map(([name, { elements }]) => {
        const elem = [...elements].map(([key, { value }]) => [{ elem: { val: key, timeout: 60 } }, value]);
        return { map: { table, name, elem } };
      });
    return [...ofChains, ...ofMaps];
  });
  return { nftables };
}
