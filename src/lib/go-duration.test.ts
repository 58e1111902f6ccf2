import { expect, test } from 'vitest';
import { durationMsOf } from './go-duration.ts';

test.for([
  ['90s', 90_000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['250ms', 250],
  ['0', 0],
  ['0s', 0],
  ['', undefined],
  ['90', undefined],
  ['-3s', undefined],
  ['3 s', undefined],
  ['s', undefined],
  ['3s;', undefined],
] as const)('%s is %s milliseconds', ([text, ms]) => {
  expect(durationMsOf(text)).toBe(ms);
});
