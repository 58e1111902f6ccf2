import { invariant } from '../../lib/invariant.ts';
import type { Conditions, ValueMatch } from '../../model/http/match.ts';
import { isEditable, type HeaderField, type HeaderName } from '../../model/http/header.ts';
import type { PathRewrite } from '../../model/http/path-rewrite.ts';
import { MATCH_LIMIT } from './encode.ts';

/**
 * The encoders of what routes bring as data. Every value is one word of {@link DATA_VALUE}: what users write in free text (values of headers,
 * expressions) or with signs that mean something here (names of headers and cookies) is base64 or percent-encoded, and comes out of that inside HAProxy as bytes, never as syntax.
 */
const DATA_VALUE = /^[A-Za-z0-9\-._~!$&'()*+,;:@%/=?|<>[\]]*$/;

/** A value of a map of data. */
export function dataValue(text: string): string {
  invariant(DATA_VALUE.test(text) && text !== '', `${JSON.stringify(text)} fits the grammar of a value of data`);
  return text;
}

/** Letters, digits, `-`, `_` and `.` as they are, every other byte of the UTF-8 as `%` and two digits. */
export function percentEncoded(text: string): string {
  return [...Buffer.from(text, 'utf8')]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9._-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

/** A regular expression as `sluice.lua` reads it. What is matched with it comes from clients, so that it is held to what those of routes are. */
export function encodedRegex(regex: string): string {
  return percentEncoded(`${MATCH_LIMIT}${regex}`);
}

/**
 * Conditions as `sluice.lua` reads them: parts between commas, each a letter (`m` method, `h` header, `q` parameter), a name, a sign for the
 * comparison, and a value.
 */
export function encodedConditions({ method, headers, query }: Conditions): string {
  const part = (letter: string, name: string, { type, value }: ValueMatch): string =>
    [
      letter,
      percentEncoded(name),
      ...(type === 'Exact' ? ['=', percentEncoded(value)] : ['~', encodedRegex(value)]),
    ].join(':');
  return [
    ...(method === undefined ? [] : [part('m', '', { type: 'Exact', value: method })]),
    ...headers.map((match) => part('h', match.name, match)),
    ...query.map((match) => part('q', match.name, match)),
  ].join(',');
}

/** What `set-headers-bin` and `add-headers-bin` take: name and value behind their lengths, and an empty pair (configuration manual). */
export function headerFields(fields: readonly HeaderField[]): string {
  if (fields.length === 0) return '';
  const bytes = fields.flatMap(({ name, value }) => [...lengthened(editable(name)), ...lengthened(value)]);
  return Buffer.from([...bytes, 0, 0]).toString('base64');
}

/** What `del-headers-bin` takes. */
export function headerNames(names: readonly HeaderName[]): string {
  if (names.length === 0) return '';
  return Buffer.from([...names.flatMap((name) => [...lengthened(editable(name))]), 0]).toString('base64');
}

/** HAProxy checks neither: a line end would be one in the request. */
function editable(name: HeaderName): string {
  invariant(isEditable(name), `${name} is a header that routes may edit`);
  return name;
}

/** A text behind its length as a variable-length integer of HAProxy's protocols (SPOE, peers): one byte below 240. */
function lengthened(text: string): readonly number[] {
  invariant(/^[\x20-\x7e\t]*$/.test(text), `${JSON.stringify(text)} is printable`);
  return [...varint(text.length), ...Buffer.from(text, 'latin1')];
}

function varint(value: number): readonly number[] {
  if (value < 240) return [value];
  const bytes = [(value & 15) | 240];
  let rest = (value - 240) >> 4;
  while (rest >= 128) {
    bytes.push((rest & 127) | 128);
    rest = (rest - 128) >> 7;
  }
  return [...bytes, rest];
}

/** More than a path can have: cutting it all off leaves what is put in front. */
const WHOLE_PATH = '65535';

/**
 * How a path becomes another one, for the rules that put a text in front of what is left of it: how much is cut off, and the text. The
 * expression of one that needs more stands elsewhere ({@link encodedPattern}).
 */
export function cutAndText(rewrite: PathRewrite | undefined, prefix: string | undefined): readonly [string, string] {
  if (rewrite === undefined) return ['0', ''];
  if (rewrite.type === 'ReplaceRegexMatch') return ['regex', ''];
  if (rewrite.type === 'ReplaceFullPath' || prefix === undefined) return [WHOLE_PATH, rewrite.value];
  // "/" as a prefix is every path, of which nothing is cut off; the slash between the two parts is that of the rest.
  const cut = prefix === '/' ? 0 : prefix.length;
  const text = rewrite.value.replace(/\/$/, '');
  return [String(cut), text];
}

/** An expression over the path and what it is replaced by, as `sluice.lua` reads them. */
export function encodedPattern(pattern: string, isCaseSensitive: boolean, replacement: string): string {
  const anchored = `^(?:${pattern.replace(/^\^/, '')})`;
  return [isCaseSensitive ? 's' : 'i', encodedRegex(anchored), percentEncoded(replacement)].join(':');
}
