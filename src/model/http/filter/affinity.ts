declare const brand: unique symbol;

/** A name of a cookie, or the value of one of its attributes (RFC 6265 §4.1.1). */
export type CookieWord = string & { readonly [brand]: 'CookieWord' };

/** `text` as a CookieWord, or undefined. */
export function cookieWordOf(text: string): CookieWord | undefined {
  // The brand is given here, where the grammar has just been checked.
  return /^[A-Za-z0-9!#$%&'*+\-./:^_`~]{1,256}$/.test(text) ? (text as CookieWord) : undefined;
}

/** Keeps a client at one endpoint by a cookie of the gateway's (SessionPersistence). It stays as long as the endpoint is there. */
export interface CookieAffinity {
  readonly type: 'CookieAffinity';
  readonly name: CookieWord;
  readonly path: CookieWord | undefined;
  readonly domain: CookieWord | undefined;
  /** Undefined: until the browser is closed. */
  readonly maxAgeS: number | undefined;
  readonly sameSite: 'Lax' | 'None' | 'Strict' | undefined;
  readonly isSecure: boolean;
}
