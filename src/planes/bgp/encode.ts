import { invariant } from '../../lib/invariant.ts';

/** What may stand in bird.conf. Each checks what admission has checked already: nothing that a user wrote is text here. */

/** A name of BIRD's in quotes, in which `.` and `-` may stand; at most 64 characters. */
export function symbol(name: string): string {
  invariant(/^[A-Za-z0-9_.-]{1,63}$/.test(name), `${JSON.stringify(name)} is a name of bird.conf`);
  return `'${name}'`;
}

/** A string, in which BIRD knows no escapes: it ends at the first quotation mark. */
export function quoted(text: string): string {
  // What is not fit may be a password, which must not stand in a crash.
  invariant(/^[\x20\x21\x23-\x7e]*$/.test(text), 'a text can stand in quotes in bird.conf');
  return `"${text}"`;
}

/** An address of either family. */
export function address(text: string): string {
  invariant(/^[0-9A-Fa-f.:]+$/.test(text), `${JSON.stringify(text)} is an address`);
  return text;
}

/** A whole number from 0 to 4294967295. */
export function integer(number: number): string {
  invariant(Number.isInteger(number) && number >= 0 && number <= 0xffff_ffff, `${String(number)} is a whole number`);
  return String(number);
}
