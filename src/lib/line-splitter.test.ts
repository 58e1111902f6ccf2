import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter } from './line-splitter.ts';

describe('LineSplitter', () => {
  it('gives the same lines wherever the bytes are cut', () => {
    const line = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ' '));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(300)), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const bounds = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].toSorted(
          (a, b) => a - b,
        );
        const splitter = new LineSplitter();
        const got = bounds.slice(1).flatMap((end, index) => splitter.push(bytes.subarray(bounds[index], end)));
        expect(got).toEqual(lines.filter((text) => text !== ''));
        expect(splitter.pendingBytes).toBe(0);
      }),
    );
  });

  it('knows how much of an unfinished line it holds', () => {
    const splitter = new LineSplitter();
    expect(splitter.push(Buffer.from('whole\nha'))).toEqual(['whole']);
    expect(splitter.push(Buffer.from('lf'))).toEqual([]);
    expect(splitter.pendingBytes).toBe(4);
  });
});
