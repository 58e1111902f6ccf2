import { describe, expect, test } from 'vitest';
import { decodeRefusal, faultOf, NftRefusedFault, refusalOf } from './nft-refusal.ts';

const lines: readonly [string, string] = [
  'add element ip sluice m { 1.2.3.4 . tcp . 81 : drop }',
  'add element ip sluice m { 1.2.3.4 . tcp . 80 : accept }',
];
const carets = '                          ^^^^^';
const included = 'In file included from <cmdline>:1:1-44:';

describe('what nft prints', () => {
  test.for([
    ['nothing', [], undefined],
    [
      'a line of a file',
      ['/var/lib/sluice/x:2:27-44: Error: Could not process rule: File exists', lines[1], carets],
      { message: 'Could not process rule: File exists', line: lines[1] },
    ],
    [
      'a line of an included file',
      [included, '/var/lib/sluice/x:1:27-44: Error: Could not process rule: File exists', lines[0], carets],
      { message: 'Could not process rule: File exists', line: lines[0] },
    ],
    [
      'the first of several errors',
      [included, '/x:1:1-4: Error: one', lines[0], carets, included, '/x:2:1-4: Error: two', lines[1], carets],
      { message: 'one', line: lines[0] },
    ],
    [
      'an error of the line that includes',
      ['Error: Could not open file "/x": Permission denied', 'include "/x"', carets],
      { message: 'Could not open file "/x": Permission denied', line: undefined },
    ],
    [
      'an error of nft itself, after a warning',
      ['/x:1:1-4: Warning: deprecated', 'internal:0:0-0: Error: Could not process rule: No buffer space available'],
      { message: 'Could not process rule: No buffer space available', line: undefined },
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
    ['a warning', [included, '/x:1:1-4: Warning: deprecated', lines[0], carets], undefined],
    [
      'a warning, then an error',
      ['/x:1:1-4: Warning: deprecated', lines[0], carets, '/x:2:1-4: Error: one', lines[1], carets],
      { message: 'one', line: lines[1] },
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

test.each([
  [[], 'refused without a word'],
  [['/x:1:1-4: Warning: deprecated', lines[0]], '/x:1:1-4: Warning: deprecated'],
  [['/x:1:1-4: Warning: deprecated', '/x:1:1-4: Error: one'], 'one'],
])('an nft that failed refused, whatever it said: %j', (printed, message) => {
  expect(refusalOf(printed, lines)).toMatchObject({ message });
});

test.each([
  ['Could not process rule: No such file or directory', 'missing'],
  ['Could not process rule: Device or resource busy', 'in-use'],
  ['Operation not permitted (you must be root)', 'not-permitted'],
  ['Could not process rule: File exists', 'other'],
])('others learn the cause, not the words: %s', (message, refusal) => {
  expect(new NftRefusedFault({ message, line: undefined })).toMatchObject({ refusal });
});

test.each([
  ['Could not process rule: Cannot allocate memory', lines[0], 'kernel-memory'],
  ['cache initialization failed: Cannot allocate memory', undefined, 'kernel-memory'],
  ['Could not process rule: No buffer space available', lines[0], 'kernel-memory'],
  // Of no line: what the kernel had answered did not fit into the buffer of nft.
  ['Could not process rule: No buffer space available', undefined, 'nft-gone'],
  ['Could not process rule: File exists', lines[0], 'nft-refused'],
])('a kernel that is short of memory refuses nothing: %s, at %s', (message, line, code) => {
  expect(faultOf({ message, line })).toMatchObject({ code });
});
