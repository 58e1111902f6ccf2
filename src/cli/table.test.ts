import { describe, expect, it } from 'vitest';
import { formatTable } from './table.ts';

describe('formatTable', () => {
  it('sets columns two blanks apart, with headings in capitals and nothing behind the last', () => {
    const rows = [
      ['a.test', '/', 'x'],
      ['long.example.com', '/path', ''],
    ];
    expect(formatTable(['host', 'path', 'n'], rows).split('\n')).toEqual([
      'HOST              PATH   N',
      'a.test            /      x',
      'long.example.com  /path',
      '',
    ]);
  });

  it('prints the headings where there are no rows', () => {
    expect(formatTable(['host', 'path'], [])).toBe('HOST  PATH\n');
  });

  it('makes do with rows that are too short', () => {
    expect(formatTable(['a', 'b'], [['x']])).toBe('A  B\nx\n');
  });
});
