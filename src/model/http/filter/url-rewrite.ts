import type { PathRewrite } from '../path-rewrite.ts';

declare const brand: unique symbol;

/** What stands in a Host header: a name or address, and perhaps a port. */
export type HostHeader = string & { readonly [brand]: 'HostHeader' };

/** `text` as a HostHeader, or undefined. */
export function hostHeaderOf(text: string): HostHeader | undefined {
  const isHost =
    text.length <= 260 && /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/.test(text);
  // The brand is given here, where the grammar has just been checked.
  return isHost ? (text as HostHeader) : undefined;
}

/** What the backend is asked for instead of what the client has asked for (HTTPURLRewriteFilter). The client does not notice. */
export interface UrlRewrite {
  readonly type: 'URLRewrite';
  /** The Host header; undefined: as the client has sent it. */
  readonly host: HostHeader | undefined;
  readonly path: PathRewrite | undefined;
}
