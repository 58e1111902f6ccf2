import { createHash, timingSafeEqual } from 'node:crypto';
import { compareSync } from 'bcryptjs';
import { md5Crypt } from '../../../lib/md5-crypt.ts';
import { shaCrypt } from '../../../lib/sha-crypt.ts';
import type { PasswordHash } from '../../../model/password-file.ts';

/** As long as crypt(3) takes; SHA-crypt works with the square of it. */
const MOST_BYTES = 512;

/** Whether a hash is that of a password. Slow by intention: up to a second of processor time. */
export function verifyPassword(hash: PasswordHash, password: Buffer): boolean {
  // crypt(3) would take the zero for the end.
  if (password.length > MOST_BYTES || password.includes(0)) return false;
  switch (hash.kind) {
    case 'plain':
      return isEqual(password, Buffer.from(hash.password, 'latin1'));
    case 'sha1': {
      const bytes = Buffer.from(hash.encoded, 'base64');
      const salted = createHash('sha1').update(password).update(bytes.subarray(SHA1_BYTES)).digest();
      return bytes.length >= SHA1_BYTES && isEqual(salted, bytes.subarray(0, SHA1_BYTES));
    }
    case 'md5-crypt':
      return isEqual(Buffer.from(md5Crypt(password, hash.magic, hash.salt)), Buffer.from(hash.hash));
    case 'sha-crypt':
      return isEqual(Buffer.from(shaCrypt(password, hash.magic, hash.salt, hash.rounds)), Buffer.from(hash.hash));
    case 'bcrypt': {
      // The library takes texts: bytes that are none would all be read as the same sign.
      const text = password.toString('utf8');
      return Buffer.from(text, 'utf8').equals(password) && compareSync(text, hash.hash);
    }
  }
}

const SHA1_BYTES = 20;

/** Takes as long whatever differs. */
function isEqual(left: Buffer, right: Buffer): boolean {
  const digest = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
  return timingSafeEqual(digest(left), digest(right));
}
