import { hash } from 'node:crypto';

/** Hexadecimal digits of a {@link digestOf}: enough for nobody to find two texts that share theirs by trying. */
const DIGITS = 32;

/** A name for a text that nobody can give to another text as well: the first half of its SHA-256, hexadecimal. */
export function digestOf(text: string): string {
  return hash('sha256', text).slice(0, DIGITS);
}
