import { createHash } from 'node:crypto';
import { cryptBase64 } from './crypt-base64.ts';

interface Variant {
  readonly hash: 'sha256' | 'sha512';
  readonly size: number;
  /** Which bytes of the digest stand together, in the order in which they are written. */
  readonly groups: readonly (readonly number[])[];
}

/** The next group of three: each index moves on to the one before, or behind it, within the thirds of the digest. */
function groupsOf(first: readonly number[], count: number, order: readonly number[]): readonly (readonly number[])[] {
  const groups: (readonly number[])[] = [first];
  for (let index = 1; index < count; index += 1) {
    const before = groups[index - 1] ?? first;
    groups.push(order.map((from) => (before[from] ?? 0) + 1));
  }
  return groups;
}

const VARIANTS: Readonly<Record<'$5$' | '$6$', Variant>> = {
  $5$: { hash: 'sha256', size: 32, groups: [...groupsOf([0, 10, 20], 10, [2, 0, 1]), [31, 30]] },
  $6$: { hash: 'sha512', size: 64, groups: [...groupsOf([0, 21, 42], 21, [1, 2, 0]), [63]] },
};

const DEFAULT_ROUNDS = 5000;
const FEWEST_ROUNDS = 1000;

/**
 * Ulrich Drepper's password hash (Unix crypt with SHA-256 and SHA-512, version 0.6). `rounds` undefined: 5,000, which the result does not
 * say. Takes about two microseconds a round.
 */
export function shaCrypt(password: Buffer, magic: '$5$' | '$6$', saltText: string, rounds: number | undefined): string {
  const { hash, size, groups } = VARIANTS[magic];
  const digestOf = (...parts: readonly Buffer[]): Buffer => createHash(hash).update(Buffer.concat(parts)).digest();
  const salt = Buffer.from(saltText.slice(0, 16), 'latin1');
  const count = Math.max(FEWEST_ROUNDS, rounds ?? DEFAULT_ROUNDS);
  const b = digestOf(password, salt, password);
  const start: Buffer[] = [password, salt, repeated(b, password.length)];
  for (let bits = password.length; bits > 0; bits >>= 1) start.push(bits % 2 === 1 ? b : password);
  let digest = digestOf(...start);
  const p = repeated(digestOf(...Array.from({ length: password.length }, () => password)), password.length);
  const s = repeated(digestOf(...Array.from({ length: 16 + (digest[0] ?? 0) }, () => salt)), salt.length);
  for (let round = 0; round < count; round += 1) {
    const isOdd = round % 2 === 1;
    digest = digestOf(
      isOdd ? p : digest,
      round % 3 === 0 ? NOTHING : s,
      round % 7 === 0 ? NOTHING : p,
      isOdd ? digest : p,
    );
  }
  const encoded = cryptBase64(groups.map((group) => group.map((index) => digest[index % size] ?? 0)));
  const written = rounds === undefined ? '' : `rounds=${String(count)}$`;
  return `${magic}${written}${salt.toString('latin1')}$${encoded}`;
}

const NOTHING = Buffer.alloc(0);

/** As many bytes, of a block again and again. */
function repeated(block: Buffer, length: number): Buffer {
  return Buffer.alloc(length, block);
}
