import { urlPathOf } from '../../../model/grammar.ts';
import { EVERY_PATH, type PathMatch } from '../../../model/http/match.ts';
import { coverOf, pathRegexOf } from '../../../model/path-regex.ts';
import { shown, type Field } from '../field.ts';

/** What the CRD refuses in a path that is matched as text: HAProxy normalises nothing, so that these would match no sane request. */
const NEVER_IN_PATHS = [/\/\//, /\/\.\.?(?:\/|$)/, /%2f/i];

/** HTTPPathMatch, by default every path. Undefined, with a Finding, where it cannot be read. */
export function admitPathMatch(field: Field): PathMatch | undefined {
  if (field.isAbsent) return EVERY_PATH;
  const type = field.at('type').text() ?? 'PathPrefix';
  const valueField = field.at('value');
  const text = valueField.text() ?? (valueField.isAbsent ? '/' : undefined);
  if (!field.isObject || text === undefined) return undefined;
  if (valueField.isAbsent && field.unknownNames.length > 0) {
    valueField.add('PathInvalid', 'there is no value, but an unknown field: the match is left out', 'Write value.');
    return undefined;
  }
  switch (type) {
    case 'Exact':
    case 'PathPrefix':
      return admitTextPath(valueField, type, text);
    case 'RegularExpression': {
      const found = pathRegexOf(text);
      if ('regex' in found) return { type, value: found.regex };
      valueField.add('RegexInvalid', `${shown(text)} ${found.problem}`);
      return undefined;
    }
    default:
      field.at('type').add('PathTypeUnknown', `${shown(type)} is not Exact, PathPrefix or RegularExpression`);
      return undefined;
  }
}

/**
 * What an expression that cannot be read could match, as far as it is written plainly: left out, its requests would fall to routes that are
 * not meant for them. Undefined where it was no expression, or nothing says where it begins: closing all paths of the host would harm others.
 */
export function pathToClose(field: Field): PathMatch | undefined {
  const text = field.at('value').text();
  if (field.at('type').text() !== 'RegularExpression' || text === undefined) return undefined;
  const cover = coverOf(text);
  return /^\/[^+(]/.test(cover) ? { type: 'RegularExpression', value: cover } : undefined;
}

function admitTextPath(field: Field, type: 'Exact' | 'PathPrefix', text: string): PathMatch | undefined {
  const value = NEVER_IN_PATHS.some((pattern) => pattern.test(text)) ? undefined : urlPathOf(text);
  if (value === undefined) {
    field.add('PathInvalid', `${shown(text)} is not an absolute, normalised URL path`);
    return undefined;
  }
  if (type === 'Exact') return { type, value };
  const prefix = urlPathOf(value.replace(/\/+$/, ''));
  return prefix === undefined ? EVERY_PATH : { type, value: prefix };
}
