import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { urlPathOf, type UrlPath } from '../../model/grammar.ts';
import { headerNameOf, headerValueOf, type HeaderField, type HeaderName } from '../../model/http/header.ts';
import { pathRegexOf, type PathRegex } from '../../model/path-regex.ts';
import {
  cutAndText,
  dataValue,
  encodedConditions,
  encodedPattern,
  encodedRegex,
  headerFields,
  headerNames,
  percentEncoded,
} from './encode-data.ts';

function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the test wrote something that is not in the grammar');
  return value;
}

const path = (text: string): UrlPath => defined(urlPathOf(text));
function regex(text: string): PathRegex {
  const found = pathRegexOf(text);
  return defined('regex' in found ? found.regex : undefined);
}

const field = (name: string, value: string): HeaderField => ({
  name: defined(headerNameOf(name)),
  value: defined(headerValueOf(value)),
});

/** What HAProxy reads from such bytes: texts behind their lengths (`decode_varint`). */
function texts(base64: string): readonly string[] {
  const bytes = Buffer.from(base64, 'base64');
  const found: string[] = [];
  for (let at = 0; at < bytes.length;) {
    let length = bytes[at] ?? 0;
    at += 1;
    if (length >= 240) {
      let shift = 4;
      for (;;) {
        const byte = bytes[at] ?? 0;
        at += 1;
        length += byte * 2 ** shift;
        shift += 7;
        if (byte < 128) break;
      }
    }
    found.push(bytes.toString('latin1', at, at + length));
    at += length;
  }
  return found;
}

describe('headers as data', () => {
  it('are names and values behind their lengths, ended by empty ones', () => {
    expect(texts(headerFields([field('X-A', 'b'), field('x-c', '')]))).toEqual(['x-a', 'b', 'x-c', '', '', '']);
    expect(texts(headerNames([defined(headerNameOf('X-A'))]))).toEqual(['x-a', '']);
    expect([headerFields([]), headerNames([])]).toEqual(['', '']);
  });

  it('keep values of every length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4096 }), (length) => {
        expect(texts(headerFields([field('x-a', 'v'.repeat(length))]))[1]).toHaveLength(length);
      }),
    );
  });

  it.each(['host', 'content-length', 'transfer-encoding', 'connection'])('never are %s', (name) => {
    expect(() => headerFields([field(name, 'x')])).toThrow('invariant broken');
    expect(() => headerNames([defined(headerNameOf(name))])).toThrow('invariant broken');
  });

  it('crash rather than becoming a line of their own', () => {
    const smuggled: HeaderField = { name: 'x-a' as HeaderName, value: 'a\r\nx-b: c' as HeaderField['value'] };
    expect(() => headerFields([smuggled])).toThrow('invariant broken');
  });
});

describe('conditions as data', () => {
  it('are words, whatever is compared', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (name, value) => {
        const query = [{ name, type: 'Exact' as const, value }];
        const encoded = dataValue(encodedConditions({ method: undefined, headers: [], query }));
        const [kind, key = '', how, text = ''] = encoded.split(':');
        expect([kind, how]).toEqual(['q', '=']);
        const bytes = (word: string): Buffer => Buffer.from(decoded(word), 'latin1');
        expect([bytes(key), bytes(text)]).toEqual([Buffer.from(name, 'utf8'), Buffer.from(value, 'utf8')]);
      }),
    );
  });
});

function decoded(word: string): string {
  return word.replaceAll(/%([0-9A-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

describe('a regular expression', () => {
  it('is tried by HAProxy no longer than those of paths, wherever it stands', () => {
    const limited = /\(\*LIMIT_MATCH=\d+\)/;
    const match = { name: 'q', type: 'RegularExpression', value: regex('a+$') } as const;
    expect(decoded(encodedConditions({ method: undefined, headers: [], query: [match] }))).toMatch(limited);
    expect(decoded(encodedPattern('/a+$', true, '/b'))).toMatch(limited);
    expect(decoded(encodedRegex('a+$'))).toMatch(limited);
  });
});

describe('percentEncoded', () => {
  it('leaves nothing that is a sign in HAProxy or Lua', () => {
    expect(percentEncoded('a-B_1.~%>|: ü')).toBe('a-B_1.%7E%25%3E%7C%3A%20%C3%BC');
  });
});

describe('cutAndText', () => {
  it.each([
    ['/foo', '/xyz', '4', '/xyz'],
    ['/foo', '/xyz/', '4', '/xyz'],
    ['/foo', '/', '4', ''],
    ['/', '/xyz', '0', '/xyz'],
    [undefined, '/xyz', '65535', '/xyz'],
  ])('of the prefix %s and %s', (prefix, value, cut, text) => {
    expect(cutAndText({ type: 'ReplacePrefixMatch', value: path(value) }, prefix)).toEqual([cut, text]);
  });
});
