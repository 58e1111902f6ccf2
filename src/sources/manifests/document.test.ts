import { describe, expect, it, vi } from 'vitest';
import { MAX_OBJECT_LENGTH, parseFile, type RawDocument } from './document.ts';

function documents(text: string): readonly RawDocument[] {
  const parsed = parseFile(text);
  if (parsed.kind === 'broken') throw new Error(parsed.message);
  return parsed.documents;
}

describe('parseFile', () => {
  it.each([
    ['nothing', '', []],
    ['comments alone', '# a\n\n# b\n', []],
    ['empty documents', '---\n---\n# a\n---\nnull\n', []],
    ['one document', 'a: 1\n', [[{ a: 1 }, 1]]],
    [
      'several',
      'a: 1\n---\n# comment\n\nb: 2\n...\n---\nc: 3\n',
      [
        [{ a: 1 }, 1],
        [{ b: 2 }, 5],
        [{ c: 3 }, 8],
      ],
    ],
    ['JSON', '{"a": 1}', [[{ a: 1 }, 1]]],
    [
      'Windows line ends',
      'a: 1\r\n---\r\nb: 2\r\n',
      [
        [{ a: 1 }, 1],
        [{ b: 2 }, 3],
      ],
    ],
    ['a byte order mark', '\ufeffa: 1\n', [[{ a: 1 }, 1]]],
    ['a scalar', 'just text\n', [['just text', 1]]],
    ['anchors', 'a: &x { b: 1 }\nc: *x\n', [[{ a: { b: 1 }, c: { b: 1 } }, 1]]],
    ['yes and no, which are text in YAML 1.2', 'a: yes\nb: "on"\n', [[{ a: 'yes', b: 'on' }, 1]]],
    ['a merge key', 'a: &x { b: 1, c: 2 }\nd: { <<: *x, c: 3 }\n', [[{ a: { b: 1, c: 2 }, d: { b: 1, c: 3 } }, 1]]],
    ['merge keys in a list', 'a: &x { b: 1 }\nd: { <<: [*x, { c: 2 }] }\n', [[{ a: { b: 1 }, d: { b: 1, c: 2 } }, 1]]],
    ['a member whose name is << in quotes', '"<<": { a: 1 }\n', [[{ '<<': { a: 1 } }, 1]]],
    [
      'an octal number, as YAML 1.1 has them',
      'a: 010\nb: "010"\nc: 080\nd: 0\n',
      [[{ a: 8, b: '010', c: 80, d: 0 }, 1]],
    ],
    ['a number in YAML 1.2 alone', 'a: 0o10\nb: 0x10\nc: 1e3\n', [[{ a: 8, b: 16, c: 1000 }, 1]]],
    ['a date, which is text', 'a: 2026-01-01T00:00:00Z\n', [[{ a: '2026-01-01T00:00:00Z' }, 1]]],
    ['an equals sign', 'a: =\n', [[{ a: '=' }, 1]]],
    ['a directive', '%YAML 1.1\n---\na: yes\n', [[{ a: true }, 3]]],
    ['JSON with tabs', '{\n\t"a": 1}', [[{ a: 1 }, 1]]],
    [
      'JSON values one after the other',
      '{"a": 1}\n{"b": "}{"}{"c": 3}\n',
      [
        [{ a: 1 }, 1],
        [{ b: '}{' }, 2],
        [{ c: 3 }, 2],
      ],
    ],
    [
      'JSON between YAML',
      'a: 1\n---\n\n{"b": 2}\n--- # comment\nc: 3\n',
      [
        [{ a: 1 }, 1],
        [{ b: 2 }, 4],
        [{ c: 3 }, 6],
      ],
    ],
    ['flow style that is no JSON', '{ a: 1, b: [c] }\n', [[{ a: 1, b: ['c'] }, 1]]],
    ['three dashes within a text', 'a: |\n  ---\n  b\n', [[{ a: '---\nb\n' }, 1]]],
  ])('reads %s', (_, text, expected) => {
    expect(documents(text).map(({ raw, line }) => [raw, line])).toEqual(expected);
  });

  it.each(['List', 'IngressList', 'ServiceList'])('reads the items of a %s as objects of their own', (kind) => {
    const text = JSON.stringify({ kind, items: [{ a: 1 }, { a: 2 }] });
    expect(documents(`x: 0\n---\n${text}\n`).map(({ raw, index }) => [raw, index])).toEqual([
      [{ x: 0 }, 0],
      [{ a: 1 }, 1],
      [{ a: 2 }, 1],
    ]);
  });

  it.each([
    ['an unclosed list', 'a: 1\n---\nb: [1,\n', 3],
    ['a key twice', 'a: 1\nb: 2\na: 3\n', 3],
    ['a tab for indentation', 'a:\n\tb: 1\n', 2],
    ['an alias of nothing', 'a: *nobody\n', 1],
    ['two values on a line', 'a: b: c\n', 1],
    ['a key twice in JSON', '{"a": 1,\n"b": {"c": 1,\n"c": 2}}', 3],
    ['an anchor inside of itself', 'b: 1\n---\na: &x [*x]\n', 3],
    ['JSON that goes on as something else', '{"a": 1}\n{"b": 2}\nc\n', 2],
  ])('is broken as a whole by %s', (_, text, line) => {
    const parsed = parseFile(text);
    expect(parsed.kind).toBe('broken');
    if (parsed.kind === 'broken') {
      expect(parsed.message).not.toBe('');
      expect(Math.abs(parsed.line - line)).toBeLessThanOrEqual(1);
    }
  });

  it('writes nothing to standard error about what is no Kubernetes object, such as a template of Helm', () => {
    const warn = vi.spyOn(process, 'emitWarning');
    expect(documents('a: {{ .Values.x }}\n')).toHaveLength(1);
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  it('refuses aliases that expand without end', () => {
    const levels = Array.from({ length: 12 }, (_, level) => {
      const before = level === 0 ? 'x' : `*l${String(level - 1)}`;
      return `l${String(level)}: &l${String(level)} [${Array.from({ length: 10 }, () => before).join(', ')}]`;
    });
    expect(parseFile(levels.join('\n'))).toMatchObject({ kind: 'broken', message: expect.stringMatching(/alias/i) });
  });

  it('takes any number of uses of a flat anchor', () => {
    const uses = Array.from({ length: 5000 }, () => '*x').join(', ');
    expect(documents(`a: &x { b: 1 }\nc: [${uses}]\n`)).toHaveLength(1);
  });

  it('takes a List of JSON that is longer than YAML may be, and says of YAML what to do', () => {
    const items = Array.from({ length: 9 }, (_, n) => ({ n, a: 'x'.repeat(1_000_000) }));
    const json = JSON.stringify({ kind: 'List', items }, undefined, 1);
    expect(documents(json).map(({ line, item, isTooLarge }) => [line, item, isTooLarge])).toEqual(
      items.map((_, n) => [4 + 4 * n, n, false]),
    );
    const parsed = parseFile(`kind: List\nitems: ${json.slice(json.indexOf('['))}`);
    expect(parsed).toMatchObject({ kind: 'broken', message: expect.stringMatching(/too long/) });
  });

  it('has one digest for one content, wherever it stands', () => {
    const [a, b, c] = documents('a: 1\n---\na: 1\n---\na: 2\n');
    expect(a?.digest).toBe(b?.digest);
    expect(a?.digest).not.toBe(c?.digest);
    const [first, second] = documents(JSON.stringify({ kind: 'List', items: [{ a: 1 }, { a: 2 }] }));
    expect(first?.digest).not.toBe(second?.digest);
  });

  it('knows objects that no API server would take', () => {
    const sizes = [MAX_OBJECT_LENGTH - 20, MAX_OBJECT_LENGTH + 1];
    expect(sizes.map((size) => documents(`a: "${'x'.repeat(size)}"\n`)[0]?.isTooLarge)).toEqual([false, true]);
    const items = sizes.map((size) => ({ a: 'x'.repeat(size) }));
    expect(documents(JSON.stringify({ kind: 'List', items })).map(({ isTooLarge }) => isTooLarge)).toEqual([
      false,
      true,
    ]);
  });
});
