import { describe, expect, test } from 'vitest';
import { decodeRefusal, LINE_JOINT, NftRefusedFault } from './nft-refusal.ts';

const lines: readonly [string, string] = [
  'add element ip sluice m { 1.2.3.4 . tcp . 81 : drop }',
  'add element ip sluice m { 1.2.3.4 . tcp . 80 : accept }',
];
const joined = lines.join(LINE_JOINT);
const carets = (column: number): string => `${' '.repeat(column)}^^^^^`;

describe('what nft prints', () => {
  test.for([
    ['nothing', [], undefined],
    [
      'a line of a file',
      ['/dev/stdin:2:27-44: Error: Could not process rule: File exists', lines[1], carets(26)],
      { message: 'Could not process rule: File exists', line: lines[1] },
    ],
    [
      'the first command of a session line',
      ['Error: Could not process rule: File exists', joined, carets(26)],
      { message: 'Could not process rule: File exists', line: lines[0] },
    ],
    [
      'the second command of a session line',
      ['Error: Could not process rule: File exists', joined, carets(joined.length - 10)],
      { message: 'Could not process rule: File exists', line: lines[1] },
    ],
    [
      'the first of several errors',
      ['Error: one', joined, carets(2), 'Error: two', joined, carets(60)],
      { message: 'one', line: lines[0] },
    ],
    [
      'an error of no place',
      ['netlink: Error: cache initialization failed: Operation not permitted'],
      { message: 'cache initialization failed: Operation not permitted', line: undefined },
    ],
    [
      'words of no form',
      ['Operation not permitted (you must be root)'],
      { message: 'Operation not permitted (you must be root)', line: undefined },
    ],
    ['a warning', ['Warning: deprecated', joined, carets(0)], undefined],
    [
      'a warning, then an error',
      ['Warning: deprecated', joined, carets(0), 'Error: one', joined, carets(0)],
      { message: 'one', line: lines[0] },
    ],
  ] as const)('%s', ([, printed, refusal]) => {
    expect(decodeRefusal(printed, lines)).toEqual(refusal);
  });
});

test('the message shows a long line cut, the fault has all of it', () => {
  const line = `add element ip sluice m { ${'1.2.3.4 . tcp . 81 : drop, '.repeat(100)} }`;
  const fault = new NftRefusedFault({ message: 'File exists', line });
  expect(fault).toMatchObject({ code: 'nft-refused', line });
  expect(fault.message).toBe(`nft: File exists, at: ${line.slice(0, 200)} …`);
});
