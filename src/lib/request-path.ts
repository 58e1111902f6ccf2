/**
 * The path of a request target as nginx compares it (ngx_http_parse_complex_uri): without query and fragment, percent-decoded once, slashes
 * merged, and `.` and `..` resolved, whether they were escaped or not. Bytes are characters of the same code.
 *
 * Undefined for a target that nginx answers with 400: one that begins with no slash, leads above the root, has a broken escape, or a NUL.
 */
export function comparedPath(target: string): string | undefined {
  if (!target.startsWith('/')) return undefined;
  const end = target.search(/[?#]/);
  const segments: string[] = [];
  // What an escape stands for counts as if it had been written, so that `%2f` divides segments.
  const decoded = decode(end < 0 ? target : target.slice(0, end));
  if (decoded?.includes('\0') !== false) return undefined;
  const parts = decoded.slice(1).split('/');
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    if (part === '..' && segments.pop() === undefined) return undefined;
    if (part !== '' && part !== '.' && part !== '..') segments.push(part);
    else if (isLast) segments.push('');
  }
  return `/${segments.join('/')}`;
}

/** Undefined for a broken escape. */
function decode(text: string): string | undefined {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return undefined;
  const bytes = text.replaceAll(/[^\x00-\xff]+/g, (found) => Buffer.from(found, 'utf8').toString('latin1'));
  return bytes.replaceAll(/%([0-9a-fA-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
