import type { SecretText } from './secret-text.ts';

declare const brand: unique symbol;

/** Names a password file by a digest of what is in it, in 40 hexadecimal digits: who does not know the file cannot name it. */
export type PasswordFileId = string & { readonly [brand]: 'PasswordFileId' };

/** Who may come, with which password: lines `user:hash`, as htpasswd writes them. */
export interface PasswordFile {
  readonly id: PasswordFileId;
  readonly text: SecretText;
  /** Numbers of lines, from 1, by which nobody comes in. */
  readonly unusableLines: readonly number[];
}

/** `text` as a PasswordFileId, or undefined. */
export function passwordFileIdOf(text: string): PasswordFileId | undefined {
  // The brand is given here, where the grammar has just been checked.
  return /^[0-9a-f]{40}$/.test(text) ? (text as PasswordFileId) : undefined;
}

/** How a password is written, and what it takes to check one. */
export type PasswordHash =
  | { readonly kind: 'plain'; readonly password: string }
  /** `{SHA}`; with a salt, `{SSHA}`. In base64: the digest, then the salt. */
  | { readonly kind: 'sha1'; readonly encoded: string }
  | { readonly kind: 'md5-crypt'; readonly magic: '$1$' | '$apr1$'; readonly salt: string; readonly hash: string }
  | {
      readonly kind: 'sha-crypt';
      readonly magic: '$5$' | '$6$';
      readonly rounds: number | undefined;
      readonly salt: string;
      readonly hash: string;
    }
  | { readonly kind: 'bcrypt'; readonly hash: string };

/** What one user may make us work for a single password: a tenth of a second to a second. */
const MOST_ROUNDS = 500_000;
const HIGHEST_BCRYPT_COST = 14;

/** A password as nginx takes it in a file for `auth_basic_user_file`, or undefined: one that is not known, or takes too long. */
export function passwordHashOf(text: string): PasswordHash | undefined {
  if (text.startsWith('{PLAIN}')) return { kind: 'plain', password: text.slice('{PLAIN}'.length) };
  const [, encoded] = /^\{S?SHA\}([A-Za-z0-9+/]{27,}={0,2})$/.exec(text) ?? [];
  if (encoded !== undefined) return { kind: 'sha1', encoded };
  const md5 = /^(\$1\$|\$apr1\$)([^$]{0,8})\$[./0-9A-Za-z]{22}$/.exec(text);
  if (md5 !== null) {
    const [hash, magic, salt = ''] = md5;
    return { kind: 'md5-crypt', magic: magic === '$1$' ? magic : '$apr1$', salt, hash };
  }
  const sha = /^(\$[56]\$)(?:rounds=(\d{1,9})\$)?([^$]{0,16})\$(?:[./0-9A-Za-z]{43}|[./0-9A-Za-z]{86})$/.exec(text);
  if (sha !== null) {
    const [hash, magic, rounds, salt = ''] = sha;
    const count = rounds === undefined ? undefined : Number(rounds);
    if (count !== undefined && count > MOST_ROUNDS) return undefined;
    return { kind: 'sha-crypt', magic: magic === '$5$' ? magic : '$6$', rounds: count, salt, hash };
  }
  const cost = /^\$2[aby]\$(\d\d)\$[./0-9A-Za-z]{53}$/.exec(text)?.[1];
  return cost !== undefined && Number(cost) >= 4 && Number(cost) <= HIGHEST_BCRYPT_COST
    ? { kind: 'bcrypt', hash: text }
    : undefined;
}

/** What stands in a password file. */
export interface PasswordLines {
  /** By name. Of several lines for one name the first counts. */
  readonly users: ReadonlyMap<string, PasswordHash>;
  /** Numbers of lines, from 1, whose password cannot be used: nobody comes in by them. */
  readonly unusable: readonly number[];
}

/** Reads a password file as nginx does: comments begin with `#`, and what follows a second colon is passed over. Bytes stand as Latin-1. */
export function passwordLinesOf(text: string): PasswordLines {
  const users = new Map<string, PasswordHash>();
  const unusable: number[] = [];
  for (const [index, line] of text.split(/\r\n|[\r\n]/).entries()) {
    const colon = line.indexOf(':');
    if (line.startsWith('#') || colon < 0) continue;
    const name = line.slice(0, colon);
    const [written = ''] = line.slice(colon + 1).split(':', 1);
    const hash = passwordHashOf(written);
    if (hash === undefined) unusable.push(index + 1);
    else if (!users.has(name)) users.set(name, hash);
  }
  return { users, unusable };
}
