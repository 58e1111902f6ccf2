import fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import { expect, it } from 'vitest';
import { YAML_OPTIONS } from './document.ts';
import { parsePlainYaml } from './plain-yaml.ts';

/** What the other parser reads from a text; undefined where it has mistakes, or holds several documents. */
function readByYaml(text: string): unknown {
  const documents = [...parseAllDocuments(text, YAML_OPTIONS)];
  const [document] = documents;
  if (document === undefined || documents.length > 1 || document.errors.length > 0) return undefined;
  return { json: JSON.stringify(document.toJS({ maxAliasCount: -1 })), start: document.contents?.range?.[0] };
}

function readPlain(text: string): unknown {
  const plain = parsePlainYaml(text);
  return plain && { json: JSON.stringify(plain.value), start: plain.start };
}

const SCALARS = [
  'a',
  'b c',
  '',
  '~',
  'null',
  'true',
  'False',
  'yes',
  'on',
  '0',
  '-1',
  '+1',
  '010',
  '080',
  '0o17',
  '0x1F',
  '1e3',
  '1.5',
  '.5',
  '5.',
  '.inf',
  '-.INF',
  '.nan',
  '1_000',
  '1:30',
  '10.96.0.1',
  '2026-01-01',
  '123456789012345678901',
  '-',
  '=',
  '<<',
  '0b1',
  '"q"',
  "'it''s'",
  '"\\u00e9\\n"',
  '"two\n  lines"',
  'two\n  words',
  '# c',
  'a #c',
  'a#c',
  'a: b',
  'a:b',
  '"a": b',
  '- a',
  '|\n  text\n  more',
  '>-\n  folded\n  more',
  '|2\n  x',
  '[a, b]',
  '[]',
  '{}',
  '{ a: 1, "b": 2 }',
  '{a: }',
  '[a: b]',
  '{a}',
  '{ a: { b: [1] } }',
  '&x 1',
  '*x',
  '!!str 1',
  '? a',
  '%a',
  '@a',
  '`a`',
  '\ta',
  'a\tb',
  '---',
  '...',
  '/path?x=1&y',
  '*.example.com',
  '"*.example.com"',
];
const KEYS = ['a', 'b', 'items', '"a"', 'c d', '1', 'true', '~', '<<', '__proto__', 'on', 'a.b/c', '? a', "'b'"];
const PIECES = [
  ...'ab01:-#?,[]{}&*!|>\'"%@`~. \n\t\r\\\u0085\u2028\ufeff\u0000ü'.split(''),
  '\n  ',
  '\n    ',
  ': ',
  '- ',
  '\n- ',
  '\na: ',
  '---\n',
  '\r\n',
];

/** Block style as people write it, with what they may get wrong. */
const block = fc
  .array(
    fc.tuple(
      fc.constantFrom('', '  ', '    ', '- ', '  - ', ' ', '- - ', '# ', '\t'),
      fc.constantFrom(...KEYS, ''),
      fc.constantFrom(': ', ':', ' : ', '', ':  # c\n', ':\n'),
      fc.constantFrom(...SCALARS),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .chain((lines) =>
    fc.constantFrom('\n', '\r\n').map((end) => lines.map((line) => line.join('').replaceAll('\n', end) + end).join('')),
  );
const noise = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => `a: ${pieces.join('')}`);

it('reads what the yaml package reads from the same text, or leaves it to that', () => {
  fc.assert(
    fc.property(fc.oneof(block, noise), (text) => {
      const plain = readPlain(text);
      if (plain !== undefined) expect({ text, read: plain }).toEqual({ text, read: readByYaml(text) });
    }),
    { numRuns: Number(process.env['PLAIN_RUNS'] ?? 3000) },
  );
});

it.each([
  ['a comment above', '# c\n\nkind: Service\nspec: { ports: [{ port: 80 }] }\n', 5],
  ['quotes, blocks and addresses', `a: "1"\nb: '2'\nc: |\n  text\nd: 10.96.0.1\ne: -3\nf: >-\n  folded\n`, 0],
])('reads %s by itself', (_, text, start) => {
  expect(readPlain(text)).toMatchObject({ start });
  expect(readPlain(text)).toEqual(readByYaml(text));
});

it('knows where the items of a list stand', () => {
  const text = 'other: [x]\nkind: List\nitems:\n- a: 1\n  items: [y]\n- { b: [2] }\n- 3\nlast:\n- z\n';
  expect(parsePlainYaml(text)?.items.map((start) => text.slice(start, start + 3))).toEqual(['a: ', '{ b', '3\nl']);
});
