/**
 * The candidate that somebody who wrote `text` most likely meant, or undefined where none is near: a letter in four may be wrong, and at
 * most `mostWrong`. Case does not count.
 */
export function nearestOf(text: string, candidates: Iterable<string>, mostWrong = Infinity): string | undefined {
  let nearest: string | undefined;
  let best = Infinity;
  for (const candidate of candidates) {
    const room = Math.min(mostWrong, Math.max(1, Math.floor(Math.min(text.length, candidate.length) / 4)));
    if (Math.abs(text.length - candidate.length) > room) continue;
    const distance = editDistance(text.toLowerCase(), candidate.toLowerCase());
    if (distance > room || distance >= best) continue;
    [nearest, best] = [candidate, distance];
  }
  return nearest;
}

/** How many letters are added, left out, replaced or swapped with their neighbour (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let [beforeLast, last]: readonly (readonly number[])[] = [[], Array.from({ length: b.length + 1 }, (_, n) => n)];
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const isSame = a[row - 1] === b[column - 1];
      const isSwapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        (last?.[column] ?? Infinity) + 1,
        (current[column - 1] ?? Infinity) + 1,
        (last?.[column - 1] ?? Infinity) + (isSame ? 0 : 1),
        isSwapped ? (beforeLast?.[column - 2] ?? Infinity) + 1 : Infinity,
      );
    }
    [beforeLast, last] = [last, current];
  }
  return last?.[b.length] ?? 0;
}
