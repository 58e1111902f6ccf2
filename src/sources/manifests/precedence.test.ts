import { expect, it } from 'vitest';
import { comparePaths, looksLikeCopy } from './precedence.ts';

it('orders originals before copies, and otherwise by name without its ending', () => {
  const paths = ['b.yaml', 'a-2.yaml', 'a.json', 'a (copy).yaml', 'a.yaml', 'sub/a.yaml', 'Copy of z.yaml'];
  expect(paths.toSorted(comparePaths)).toEqual([
    'a.json',
    'a.yaml',
    'a-2.yaml',
    'b.yaml',
    'sub/a.yaml',
    'Copy of z.yaml',
    'a (copy).yaml',
  ]);
});

it.each([
  ['x (copy).yaml', true],
  ['sub/x (another copy).yaml', true],
  ['x (3rd copy).yaml', true],
  ['x - Copy (2).yaml', true],
  ['x copy.yml', true],
  ['x_backup.json', true],
  ['x (1).yaml', true],
  ['xerox-copying.yaml', false],
  ['gold.yaml', false],
  ['threshold.yaml', false],
  ['copy.yaml', false],
  ['web-2.yaml', false],
])('%s looks like a copy: %s', (path, expected) => {
  expect(looksLikeCopy(path)).toBe(expected);
});
