import { describe, expect, it } from 'vitest';
import { byObject, finding } from './finding.ts';

const ref = { kind: 'Ingress', namespace: 'ns', name: 'a' } as const;

describe('finding', () => {
  it('takes severity, code and remedy from the registry, unless it is given a better remedy', () => {
    expect(finding('PathConflict', ref, 'spec', 'message')).toMatchObject({
      code: 'SLU209',
      severity: 'warning',
      remedy: 'Remove the path from one of the two.',
    });
    expect(finding('PathConflict', ref, 'spec', 'message', 'Do this.').remedy).toBe('Do this.');
  });

  it.each([
    ['line ends', 'a\nb\r\n', String.raw`a\u{a}b\u{d}\u{a}`],
    ['what drives a terminal', '\u001b[2J\u009b', String.raw`\u{1b}[2J\u{9b}`],
    ['what turns text round', '\u202eabc\u200b', String.raw`\u{202e}abc\u{200b}`],
    ['halves of characters', '\ud800', String.raw`\u{d800}`],
    ['other alphabets, which may stay', '中文 é 😀', '中文 é 😀'],
  ])('shows %s', (_, message, shown) => {
    expect(finding('PathConflict', ref, '', message).message).toBe(shown);
  });

  it('cuts what is too long for an Event', () => {
    for (const text of ['x', '\n', '中', '😀', 'x😀']) {
      const { message } = finding('PathConflict', ref, '', text.repeat(70_000));
      expect(message.length).toBeLessThanOrEqual(500);
      expect(message.length).toBeGreaterThan(490);
      expect(message.isWellFormed()).toBe(true);
    }
  });

  it('shows and cuts the field, in which names of users stand', () => {
    expect(finding('FieldUnknown', ref, 'spec["a\n"]', '').field).toBe(String.raw`spec["a\u{a}"]`);
    expect(finding('FieldUnknown', ref, `spec["${'\n'.repeat(70_000)}"]`, '').field.length).toBeLessThanOrEqual(200);
  });

  it('has one order, whatever the order of finding', () => {
    const list = [
      finding('PathConflict', ref, 'b', '1'),
      finding('PathConflict', ref, 'a', '2'),
      finding('HostInvalid', ref, 'a', '1'),
      finding('PathConflict', { ...ref, name: '0' }, 'z', '1'),
      finding('PathConflict', { ...ref, kind: 'Endpoints' }, 'z', '1'),
    ];
    const sorted = list.toSorted(byObject);
    expect(list.toReversed().sort(byObject)).toEqual(sorted);
    expect(sorted.map(({ object, field, code }) => `${object.kind} ${object.name} ${field} ${code}`)).toEqual([
      'Endpoints a z SLU209',
      'Ingress 0 z SLU209',
      'Ingress a a SLU201',
      'Ingress a a SLU209',
      'Ingress a b SLU209',
    ]);
  });
});
