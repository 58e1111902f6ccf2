/**
 * Throws when `condition` is false: our own code is wrong and going on would spread the damage.
 * The process crashes; the data planes keep serving without it.
 */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`);
}
