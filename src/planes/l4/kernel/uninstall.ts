import { AFFINITY_TABLE, FAMILIES, MAIN_TABLES, WORDS } from '../rules/names.ts';
import type { Nft } from './nft.ts';
import { NftRefusedFault } from './nft-refusal.ts';

/**
 * Deletes our tables from the network namespace of this process, as far as they are there; nothing else is touched. Connections that
 * are established go on, since the kernel translates them by its own memory.
 *
 * @returns what was removed, a line each.
 * @throws Fault as {@link Nft.apply} does.
 */
export async function removeSluice(nft: Nft): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const family of FAMILIES) {
    for (const name of [...MAIN_TABLES, AFFINITY_TABLE]) {
      const table = `table ${WORDS[family].family} ${name}`;
      try {
        // Not listed before: nft 1.0.6 reads all elements for that.
        await nft.apply(`delete ${table}`);
        removed.push(`nft ${table}`);
      } catch (thrown) {
        if (!(thrown instanceof NftRefusedFault) || thrown.refusal !== 'missing') throw thrown;
      }
    }
  }
  return removed;
}
