/** Hexadecimal digits that are drawn: weights are exact to one part in 65,536. */
const DIGITS = 4;
const SIXTEENTHS = 16 ** DIGITS;

/**
 * Begins of a random number in hexadecimal digits, as few as say which share a request belongs to: HAProxy looks the longest begin up
 * (`map_beg`). Of 70 and 30 that takes some dozen. Every weight that is not 0 gets at least one number.
 */
export function shareKeys(weights: readonly number[]): readonly { readonly digits: string; readonly share: number }[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const keys: { digits: string; share: number }[] = [];
  let before = 0;
  let start = 0;
  weights.forEach((weight, share) => {
    if (weight === 0) return;
    before += weight;
    const left = weights.slice(share + 1).filter((item) => item > 0).length;
    const end = Math.min(SIXTEENTHS - left, Math.max(start + 1, Math.round((before / total) * SIXTEENTHS)));
    for (const digits of beginsOf(start, end)) keys.push({ digits, share });
    start = end;
  });
  return keys;
}

/** The shortest begins that together are all numbers from `start` up to, not including, `end`. */
function beginsOf(start: number, end: number): readonly string[] {
  const begins: string[] = [];
  for (let at = start; at < end;) {
    let size = 1;
    let digits = DIGITS;
    // The empty begin would be found for every route.
    while (digits > 1 && at % (size * 16) === 0 && at + size * 16 <= end) {
      size *= 16;
      digits -= 1;
    }
    begins.push((at / size).toString(16).toUpperCase().padStart(digits, '0'));
    at += size;
  }
  return begins;
}
