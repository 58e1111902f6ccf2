import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { LogOutput, written } from './log-output.ts';

const MEGABYTE = `${'x'.repeat(1024 * 1024 - 1)}\n`;

/** Takes what is written as slowly as the test wants. */
class Reader {
  readonly seen: string[] = [];
  #waiting: (() => void) | undefined;
  isReading = false;
  readonly stream = new Writable({
    decodeStrings: false,
    write: (chunk: Buffer | string, _, done) => {
      const take = (): void => {
        this.seen.push(chunk.toString());
        done();
      };
      if (this.isReading) take();
      else this.#waiting = take;
    },
  });

  read(): void {
    this.isReading = true;
    this.#waiting?.();
  }
}

function outputTo(reader: Reader) {
  const told = { dropped: 0, returned: [] as number[] };
  const output = new LogOutput(reader.stream, {
    onDropped: (lines) => (told.dropped += lines),
    onReturn: (lines) => told.returned.push(lines),
  });
  return { output, told };
}

describe('LogOutput', () => {
  it('writes everything, in order, for a reader that keeps up or comes back in time', async () => {
    const reader = new Reader();
    const { output, told } = outputTo(reader);
    const lines = ['one\n', 'two\n', 'three\n'];
    for (const line of lines) output.write(line);
    expect(reader.seen).toEqual([]);
    reader.read();
    await written(reader.stream);
    expect([reader.seen.filter((line) => line !== ''), told]).toEqual([lines, { dropped: 0, returned: [] }]);
  });

  it('drops what no reader comes for, counts it, and says so once the reader is back', async () => {
    const reader = new Reader();
    const { output, told } = outputTo(reader);
    for (let n = 0; n < 30; n += 1) output.write(MEGABYTE, 10);
    const { dropped } = told;
    expect(dropped).toBeGreaterThan(150);
    expect(reader.stream.writableLength).toBeLessThan(10 * MEGABYTE.length);
    expect(told.returned).toEqual([]);
    reader.read();
    await written(reader.stream);
    expect(told).toEqual({ dropped, returned: [dropped] });
    output.write('after\n');
    await written(reader.stream);
    expect(reader.seen.filter((text) => text === MEGABYTE)).toHaveLength(30 - dropped / 10);
    expect(reader.seen).toContain('after\n');
    expect(told.returned).toEqual([dropped]);
  });
});
