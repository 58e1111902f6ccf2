declare const brand: unique symbol;

/** A field name of HTTP in lower case (RFC 9110 §5.1); at most 256 characters. */
export type HeaderName = string & { readonly [brand]: 'HeaderName' };

/** A field value in printable ASCII and blanks, none of which at its ends (RFC 9110 §5.5); at most 4096 characters. */
export type HeaderValue = string & { readonly [brand]: 'HeaderValue' };

/** A header with its value. */
export interface HeaderField {
  readonly name: HeaderName;
  readonly value: HeaderValue;
}

/** `text` as a HeaderName, or undefined. Case is folded. */
export function headerNameOf(text: string): HeaderName | undefined {
  // The brand is given here, where the grammar has just been checked.
  return /^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,256}$/.test(text) ? (text.toLowerCase() as HeaderName) : undefined;
}

/** `text` as a HeaderValue, or undefined. */
export function headerValueOf(text: string): HeaderValue | undefined {
  const isValue = text.length <= 4096 && /^(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?$/.test(text);
  // The brand is given here, where the grammar has just been checked.
  return isValue ? (text as HeaderValue) : undefined;
}

/** What frames a message or names its target: only HTTP itself, and a rewrite of the host, may say that. */
const FRAMING = /^(?:host|connection|content-length|transfer-encoding|upgrade|te|trailer|keep-alive|proxy-connection)$/;

/** Whether routes may set, add or remove a header. */
export function isEditable(name: HeaderName): boolean {
  return !FRAMING.test(name);
}

/** Whether a name has only such characters as no configuration of an engine takes for anything else. */
export function isPlainName(name: HeaderName): boolean {
  return /^[a-z0-9._-]+$/.test(name);
}
