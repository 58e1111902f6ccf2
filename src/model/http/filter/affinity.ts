declare const brand: unique symbol;

/** A name of a cookie, or the value of one of its attributes (RFC 6265 §4.1.1). */
export type CookieWord = string & { readonly [brand]: 'CookieWord' };

/** `text` as a CookieWord, or undefined. */
export function cookieWordOf(text: string): CookieWord | undefined {
  // The brand is given here, where the grammar has just been checked.
  return /^[A-Za-z0-9!#$%&'*+\-./:^_`~]{1,256}$/.test(text) ? (text as CookieWord) : undefined;
}

/** `text` as the path of a cookie (RFC 6265 §4.1.1, path-value), or undefined. */
export function cookiePathOf(text: string): CookieWord | undefined {
  // The brand is given here, where the grammar has just been checked.
  return /^[\x21-\x3a\x3c-\x7e]{1,1024}$/.test(text) ? (text as CookieWord) : undefined;
}

/** Keeps a client at one endpoint by a cookie of the gateway's (SessionPersistence). It stays as long as the endpoint is there. */
export interface CookieAffinity {
  readonly type: 'CookieAffinity';
  readonly name: CookieWord;
  /** Begins the value of the cookie, so that it is known at which backend a client was. */
  readonly mark?: 'c-' | undefined;
  readonly path: CookieWord | undefined;
  readonly domain: CookieWord | undefined;
  /** Undefined: until the browser is closed. */
  readonly maxAgeS: number | undefined;
  /** The same for browsers that do not know Max-Age: Expires, so many seconds from now. */
  readonly expiresS?: number | undefined;
  readonly sameSite: 'Lax' | 'None' | 'Strict' | undefined;
  /** Over plain HTTP too: over TLS it always is. */
  readonly isSecure: boolean;
}
