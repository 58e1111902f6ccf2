/** A mark on a route that routers act upon: of RFC 1997, or a large one of RFC 8092. */
export type BgpCommunity =
  | { readonly kind: 'standard'; readonly numbers: readonly [number, number] }
  | { readonly kind: 'large'; readonly numbers: readonly [number, number, number] };

const STANDARD = /^(\d{1,5}):(\d{1,5})$/;
const LARGE = /^large:(\d{1,10}):(\d{1,10}):(\d{1,10})$/;

/** `text` as a community, or undefined: `65000:100` with 16 bits each, or `large:65000:1:2` with 32 bits each (metallb.io). */
export function bgpCommunityOf(text: string): BgpCommunity | undefined {
  const [, high, low] = STANDARD.exec(text) ?? [];
  if (high !== undefined && low !== undefined) {
    const numbers = [Number(high), Number(low)] as const;
    return numbers.every((number) => number <= 0xffff) ? { kind: 'standard', numbers } : undefined;
  }
  const [, global, first, second] = LARGE.exec(text) ?? [];
  if (global === undefined || first === undefined || second === undefined) return undefined;
  const numbers = [Number(global), Number(first), Number(second)] as const;
  return numbers.every((number) => number <= 0xffff_ffff) ? { kind: 'large', numbers } : undefined;
}

/** As people write it; {@link bgpCommunityOf} reads it. */
export function communityText({ kind, numbers }: BgpCommunity): string {
  return kind === 'large' ? `large:${numbers.join(':')}` : numbers.join(':');
}
