/**
 * Which of several files counts that describe one object, when Sluice starts: the original rather than its copy, and otherwise the one
 * whose name comes first. Names are compared without their ending, so that `web.yaml` comes before `web-2.yaml` and `web (1).yaml`.
 * Negative where `a` counts.
 */
export function comparePaths(a: string, b: string): number {
  const copies = Number(looksLikeCopy(a)) - Number(looksLikeCopy(b));
  if (copies !== 0) return copies;
  const [left, right] = [withoutEnding(a), withoutEnding(b)];
  if (left !== right) return left < right ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** As file managers, editors and people name copies: `web (copy).yaml`, `web - Copy (2).yaml`, `Copy of web.yaml`, `web.bak.yaml`, `web~.yaml`. */
export function looksLikeCopy(path: string): boolean {
  const name = withoutEnding(path.slice(path.lastIndexOf('/') + 1));
  return COPY.test(name);
}

const COPY =
  /^copy of |[ _.-]\(?(?:(?:another )?copy|backup|bak|old|orig|save|\d+(?:st|nd|rd|th) copy)(?: ?\d+)?\)?(?: ?\(\d+\))?$| ?\(\d+\)$|~$/i;

function withoutEnding(path: string): string {
  return path.replace(/\.(?:ya?ml|json)$/, '');
}
