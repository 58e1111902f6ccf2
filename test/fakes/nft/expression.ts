import { refuse } from './refusal.ts';

/** One part of a key: what is read from a packet. */
export type Part =
  | { readonly kind: 'address'; readonly of: 'source' | 'destination' | 'original-destination' }
  | { readonly kind: 'protocol' }
  /** `protocol` where the word says one: `tcp dport`. */
  | { readonly kind: 'port'; readonly of: 'destination' | 'original-destination'; readonly protocol?: string }
  | { readonly kind: 'slot'; readonly modulus: number; readonly offset: number };

/** The words that stand for one part, longest first where one begins like another. */
const PARTS: readonly (readonly [pattern: RegExp, part: (match: RegExpExecArray) => Part])[] = [
  [/^ct original ip6? daddr$/, () => ({ kind: 'address', of: 'original-destination' })],
  [/^ip6? saddr$/, () => ({ kind: 'address', of: 'source' })],
  [/^ip6? daddr$/, () => ({ kind: 'address', of: 'destination' })],
  [/^meta l4proto$/, () => ({ kind: 'protocol' })],
  [/^ct original proto-dst$/, () => ({ kind: 'port', of: 'original-destination' })],
  [/^th dport$/, () => ({ kind: 'port', of: 'destination' })],
  [/^(tcp|udp|sctp) dport$/, ([, protocol = '']) => ({ kind: 'port', of: 'destination', protocol })],
  [
    /^numgen random mod (\d+)(?: offset (\d+))?$/,
    (match) => ({ kind: 'slot', modulus: Number(match[1]), offset: Number(match[2] ?? 0) }),
  ],
];

/** Reads `ip daddr . meta l4proto . th dport`; an address of another family than the table's is refused. */
export function partsOf(text: string, family: 'ip' | 'ip6'): readonly Part[] {
  return text.split(' . ').map((word) => {
    for (const [pattern, part] of PARTS) {
      const match = pattern.exec(word);
      if (match === null) continue;
      const named = /\bip6?\b/.exec(word)?.[0];
      if (named !== undefined && named !== family) refuse(`"${word}" in a table of family ${family}`);
      return part(match);
    }
    return refuse(`"${word}" is no expression that we write`);
  });
}

/** What kind of thing each part is, which is what a set knows of its key. */
export function typesOf(parts: readonly Part[]): readonly Part['kind'][] {
  return parts.map(({ kind }) => kind);
}
