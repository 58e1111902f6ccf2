import { createHash } from 'node:crypto';
import { cryptBase64 } from './crypt-base64.ts';

const ROUNDS = 1000;

/**
 * Poul-Henning Kamp's password hash: `magic` is `$1$` as crypt(3) has it, or `$apr1$` as Apache's htpasswd has it. Returns magic, salt and
 * digest. Takes about a millisecond.
 */
export function md5Crypt(password: Buffer, magic: '$1$' | '$apr1$', salt: string): string {
  const saltBytes = Buffer.from(salt.slice(0, 8), 'latin1');
  const inner = md5(password, saltBytes, password);
  const start: Buffer[] = [password, Buffer.from(magic), saltBytes];
  for (let left = password.length; left > 0; left -= 16) start.push(inner.subarray(0, Math.min(16, left)));
  // The first letter of the password for each bit of its length that is not set: so it was written first, and so it stays.
  for (let bits = password.length; bits > 0; bits >>= 1) start.push(bits % 2 === 1 ? ZERO : password.subarray(0, 1));
  let digest = md5(...start);
  for (let round = 0; round < ROUNDS; round += 1) {
    const isOdd = round % 2 === 1;
    digest = md5(
      isOdd ? password : digest,
      round % 3 === 0 ? NOTHING : saltBytes,
      round % 7 === 0 ? NOTHING : password,
      isOdd ? digest : password,
    );
  }
  const at = (index: number): number => digest[index] ?? 0;
  const groups = [0, 1, 2, 3, 4].map((index) => [at(index), at(index + 6), at(index === 4 ? 5 : index + 12)]);
  return `${magic}${saltBytes.toString('latin1')}$${cryptBase64([...groups, [at(11)]])}`;
}

const ZERO = Buffer.from([0]);
const NOTHING = Buffer.alloc(0);

function md5(...parts: readonly Buffer[]): Buffer {
  return createHash('md5').update(Buffer.concat(parts)).digest();
}
