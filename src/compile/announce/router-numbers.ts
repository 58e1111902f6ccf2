import { fnv1a } from '../../lib/hash.ts';
import type { IpAddress } from '../../model/grammar.ts';

/** Virtual router identifiers that are ours to use on a network: `first` and the ones after it. */
export interface RouterRange {
  readonly first: number;
  readonly count: number;
}

/** An address that needs a virtual router, by what decides which one it gets. */
export interface RouterClaim {
  readonly address: IpAddress;
  /** Addresses of one class may move as one; those of different classes may not, since other nodes may have them. */
  readonly classKey: string;
  /** Of the routers of its class it is in the one that this chooses, so that the addresses of a class spread over several. */
  readonly shardKey: string;
  /** Whether the class is of one Service and what shares an address with it: such a class yields to the others. */
  readonly isSingle: boolean;
  /** Milliseconds since 1970: of what the claim is for. The older one has the number that both would have. */
  readonly createdMs: number;
  /** The number that it has been given before, as far as that is recorded. */
  readonly recorded: number | undefined;
}

/**
 * Gives addresses their virtual router identifiers. Who has one keeps it, for as long as it is in the range and no other class has it:
 * neither another version of this program nor a Service that comes or goes moves an address. The others get theirs from the hash of what
 * they are; where nothing is recorded, every node comes to the same ones by itself. An address of which there is no number left has none.
 */
export function routerNumbers(
  claims: Iterable<RouterClaim>,
  { first, count }: RouterRange,
): ReadonlyMap<IpAddress, number> {
  const ordered = [...claims].sort(inOrder);
  const classes = new Map<number, string>();
  const numbers = new Map<IpAddress, number>();
  const mayHave = (number: number, { classKey }: RouterClaim): boolean =>
    (classes.get(number) ?? classKey) === classKey;
  const give = (number: number, { address, classKey }: RouterClaim): void => {
    classes.set(number, classKey);
    numbers.set(address, number);
  };
  for (const claim of ordered) {
    const { recorded } = claim;
    const isOurs = recorded !== undefined && recorded >= first && recorded < first + count;
    if (isOurs && mayHave(recorded, claim)) give(recorded, claim);
  }
  for (const claim of ordered) {
    if (numbers.has(claim.address)) continue;
    const start = fnv1a(claim.shardKey);
    for (let step = 0; step < count; step += 1) {
      const number = first + ((start + step) % count);
      if (!mayHave(number, claim)) continue;
      give(number, claim);
      break;
    }
  }
  return numbers;
}

function inOrder(a: RouterClaim, b: RouterClaim): number {
  return (
    Number(a.isSingle) - Number(b.isSingle) ||
    a.createdMs - b.createdMs ||
    (a.shardKey === b.shardKey ? compare(a.address, b.address) : compare(a.shardKey, b.shardKey))
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
