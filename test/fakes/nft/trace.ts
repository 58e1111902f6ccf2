import type { FakeNft } from './fake-nft.ts';
import { walk, type Fate, type LookUps, type Machine, type Packet, type Walk } from './packet-walk.ts';

/** All that may become of a connection, whatever `numgen random` gives; no two walks with one fate. Nothing is remembered of it. */
export function trace(nft: FakeNft, machine: Machine, packet: Packet, sees?: LookUps): readonly Walk[] {
  const found = new Map<string, Walk>();
  for (let choices: readonly Choice[] | undefined = []; choices !== undefined;) {
    const { made, choose } = replay(choices);
    const one = walk(nft, machine, packet, { choose, isMade: false, ...(sees && { sees }) });
    const key = fateText(one.fate);
    if (!found.has(key)) found.set(key, one);
    choices = next(made);
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}

/** Makes a connection, so that affinity remembers it; `choice` is what `numgen random` gives. */
export function connect(nft: FakeNft, machine: Machine, packet: Packet, choice: number): Walk {
  return walk(nft, machine, packet, { choose: (modulus) => choice % modulus, isMade: true });
}

/** In words: `refused`, `passed`, `10.244.1.5:8080 masqueraded`. */
export function fateText(fate: Fate): string {
  if (fate.kind !== 'delivered') return fate.kind;
  const { address, port, isTranslated, isMasqueraded } = fate;
  const where = isTranslated ? `${address.includes(':') ? `[${address}]` : address}:${String(port)}` : 'passed';
  return isMasqueraded ? `${where} masqueraded` : where;
}

interface Choice {
  readonly modulus: number;
  readonly value: number;
}

function replay(choices: readonly Choice[]): {
  readonly made: readonly Choice[];
  readonly choose: (modulus: number) => number;
} {
  const made: Choice[] = [];
  const choose = (modulus: number): number => {
    const value = choices[made.length]?.value ?? 0;
    made.push({ modulus, value });
    return value;
  };
  return { made, choose };
}

/** The next row of choices, as an odometer counts; undefined after the last. */
function next(made: readonly Choice[]): readonly Choice[] | undefined {
  const index = made.findLastIndex(({ modulus, value }) => value + 1 < modulus);
  const turned = made[index];
  return turned === undefined ? undefined : [...made.slice(0, index), { ...turned, value: turned.value + 1 }];
}
