import { isUtf8 } from 'node:buffer';

/** The text of a file, or why it cannot be text of a manifest. `line` is 1-based, 0 for the file as a whole. */
export type DecodedText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'broken'; readonly message: string; readonly line: number };

const BYTE_ORDER_MARK = '\ufeff';

/**
 * The text of a manifest's bytes, as kubectl's parser decodes them: UTF-8, or UTF-16 in either order with a byte order mark, as
 * PowerShell writes it. Marks inside of the text, as in files that were put together from several, are left out.
 */
export function decodeText(bytes: Buffer): DecodedText {
  const encoding = markedEncoding(bytes);
  if (encoding === 'utf-16' && bytes.length % 2 === 1) return broken('it is UTF-16 and ends within a character', 0);
  const nul = encoding === 'utf-8' ? bytes.indexOf(0) : -1;
  if (nul >= 0) return broken(describeNul(bytes), lineAt(bytes.toString('latin1', 0, nul), nul));
  if (encoding === 'utf-8' && !isUtf8(bytes)) {
    const text = bytes.toString();
    return broken('it is not UTF-8', lineAt(text, text.indexOf('\ufffd')));
  }
  const text = encoding === 'utf-8' ? bytes.toString() : new TextDecoder(endianOf(bytes)).decode(bytes);
  const foreign = describeForeign(text);
  if (foreign !== undefined) return broken(foreign, 1);
  return { kind: 'text', text: text.replaceAll(/(^|\n)\ufeff/g, '$1') };
}

/** 1-based. */
function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

function broken(message: string, line: number): DecodedText {
  return { kind: 'broken', message, line };
}

function markedEncoding(bytes: Buffer): 'utf-8' | 'utf-16' {
  const mark = bytes.length < 2 ? 0 : bytes.readUInt16BE(0);
  return mark === 0xfeff || mark === 0xfffe ? 'utf-16' : 'utf-8';
}

function endianOf(bytes: Buffer): 'utf-16be' | 'utf-16le' {
  return bytes[0] === 0xfe ? 'utf-16be' : 'utf-16le';
}

function describeNul(bytes: Buffer): string {
  const half = Math.ceil(Math.min(bytes.length, 200) / 2);
  const nuls = bytes.subarray(0, 200).filter((byte) => byte === 0).length;
  if (nuls === Math.min(bytes.length, 200)) return 'it has nothing but NUL bytes, as after a crash of the machine';
  return nuls >= half - 10 && nuls <= half
    ? 'it looks like UTF-16 without a byte order mark'
    : 'it has NUL bytes, which no text has';
}

/** What is found in place of manifests, by how it begins. */
const FOREIGN: readonly (readonly [begins: RegExp, what: string])[] = [
  [/^<(?:!doctype|html|head|body|script|\?xml|!--)/i, 'it looks like an HTML or XML page'],
  [/^HTTP\/\d/, 'it looks like the answer of a web server'],
  [/^[1-5]\d\d:? [A-Za-z ]{1,40}\s*$/, 'it looks like the error of a web server'],
  [/^version https:\/\/git-lfs/, 'it is a pointer of Git LFS, whose file was not fetched (git lfs pull)'],
  [/^-----BEGIN /, 'it looks like a PEM file'],
  [/^\u001f\u008b|^PK\u0003/, 'it looks like an archive'],
];

/** What a text is that is no manifest whatever a YAML parser makes of it; undefined of one that may be a manifest. */
function describeForeign(text: string): string | undefined {
  const start = text.slice(0, 1000).replace(BYTE_ORDER_MARK, '').trim();
  const found = FOREIGN.find(([begins]) => begins.test(text.length > 1000 ? `${start}…` : start));
  if (found !== undefined) return found[1];
  return /(?:^|\n)<{7} .*\n(?:.*\n)*?={7}\r?\n/.test(text.slice(0, 100_000))
    ? 'it has the marks of a merge that was not resolved (<<<<<<<)'
    : undefined;
}
