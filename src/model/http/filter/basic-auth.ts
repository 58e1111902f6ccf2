import type { PasswordFile } from '../../password-file.ts';

declare const brand: unique symbol;

/** What browsers show when they ask for a password: letters, digits, blanks and `-_.~:/`. */
export type Realm = string & { readonly [brand]: 'Realm' };

/** `text` as a Realm, or undefined. May be empty. */
export function realmOf(text: string): Realm | undefined {
  // The brand is given here, where the grammar has just been checked.
  return /^[A-Za-z0-9 \-._~:/]{0,256}$/.test(text) ? (text as Realm) : undefined;
}

/** Says nothing. */
// The brand is given here: the grammar allows it to be empty.
export const NO_REALM = '' as Realm;

/** Lets in who knows a name and its password (RFC 7617). The backend is not given either. */
export interface BasicAuth {
  readonly type: 'BasicAuth';
  readonly realm: Realm;
  readonly passwords: PasswordFile;
}
