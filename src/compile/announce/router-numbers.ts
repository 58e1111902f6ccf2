import { fnv1a } from '../../lib/hash.ts';

/** Virtual router identifiers that are ours to use on a network: `first` and the ones after it. */
export interface RouterRange {
  readonly first: number;
  readonly count: number;
}

/** A group of addresses that moves as one, by what makes it that group on every node. */
export interface NumberedGroup {
  readonly key: string;
  /** Milliseconds since 1970: of what it exists for. The older one has the number that both would have. */
  readonly createdMs: number;
}

/**
 * Gives groups their virtual router identifiers. They follow from the groups alone, since every node has to come to the same ones by
 * itself: from the hash of the key, and where two have one hash the younger takes the next free number. So a group that comes disturbs
 * none; one that goes may let a younger one move up. Groups beyond the range have none.
 */
export function routerNumbers(
  groups: Iterable<NumberedGroup>,
  { first, count }: RouterRange,
): ReadonlyMap<string, number> {
  const ordered = [...groups].sort((a, b) => a.createdMs - b.createdMs || (a.key < b.key ? -1 : 1));
  const taken = new Set<number>();
  const numbers = new Map<string, number>();
  for (const { key } of ordered) {
    if (taken.size === count) break;
    let offset = fnv1a(key) % count;
    while (taken.has(offset)) offset = (offset + 1) % count;
    taken.add(offset);
    numbers.set(key, first + offset);
  }
  return numbers;
}
