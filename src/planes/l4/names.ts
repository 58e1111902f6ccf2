/** An address family: each has tables of its own. */
export type Family = 4 | 6;

export const FAMILIES: readonly Family[] = [4, 6];

/** Words of nft that differ by family: the family itself, and the expressions for addresses. */
export const WORDS: Readonly<Record<Family, { readonly family: 'ip' | 'ip6' }>> = {
  4: { family: 'ip' },
  6: { family: 'ip6' },
};

/** Our tables. Nothing else on the machine is ours. */
export const TABLE = 'sluice';
/** Client affinity stands in a table of its own: nft 1.0.6 reads a whole table to list any part of it. */
export const AFFINITY_TABLE = 'sluice-affinity';
