import { beforeEach, describe, expect, it } from 'vitest';
import type { FileNews } from './file-reading.ts';
import { LargeFiles, type LargeFileReader } from './large-files.ts';
import { FolderFault } from './thread-reader.ts';

const path = 'large.yaml';
const READ: FileNews = { kind: 'read', path, documents: 1, objects: 1 };
const UNREADABLE: FileNews = { kind: 'unreadable', path, message: 'EIO' };
const LARGE: FileNews = { kind: 'large', path, stamp: '1' };

describe('LargeFiles', () => {
  let taken: string[];
  let stamps: string[];
  let files: LargeFiles;
  beforeEach(() => {
    taken = [];
    stamps = [];
    files = new LargeFiles(
      (news) => Promise.resolve(void taken.push(news.kind)),
      () => taken.push('end'),
    );
  });

  /** Gives these news, or throws what is none. */
  function reader(...some: readonly (FileNews | Error)[]): LargeFileReader {
    return {
      async *readLarge(_, stamp) {
        stamps.push(stamp);
        await Promise.resolve();
        for (const one of some) {
          if (one instanceof Error) throw one;
          yield one;
        }
      },
    };
  }

  it.each([
    ['of the file', UNREADABLE, 'unreadable'],
    ['of the folder', new FolderFault('ENOENT', true), 'abandoned'],
    ['of a file that was another one for a moment', { kind: 'abandoned', path } as const, 'abandoned'],
  ])('reads again what could not be read, although it has not changed: a failure %s', async (_, failure, told) => {
    files.note(LARGE);
    files.read(reader(failure));
    await files.end();
    // Not at once, again and again.
    files.read(reader(READ));
    expect(files.isReading).toBe(false);
    files.retry();
    files.read(reader(READ));
    expect(files.isReading).toBe(true);
    await files.end();
    files.retry();
    files.read(reader(READ));
    await files.end();
    expect([taken, stamps]).toEqual([
      [told, 'end', 'read', 'end'],
      ['1', '1'],
    ]);
  });

  it('ends with a bug, rather than going on without the file', async () => {
    files.note(LARGE);
    files.read(reader(new TypeError('a bug')));
    await expect(files.end()).rejects.toThrow('a bug');
    expect(() => files.read(reader(READ))).toThrow('a bug');
    expect(taken).toEqual(['end']);
  });

  it('lets go of a file that is gone or small by now, also while it was read', async () => {
    files.note(LARGE);
    files.note({ kind: 'gone', path });
    files.read(reader(READ));
    expect(files.isReading).toBe(false);
    files.note(LARGE);
    files.read(reader(UNREADABLE));
    files.note({ kind: 'gone', path });
    await files.end();
    files.retry();
    files.read(reader(READ));
    expect([files.isReading, taken]).toEqual([false, ['end']]);
  });

  it('reads the newer version of a file that was written anew while it was read', async () => {
    files.note(LARGE);
    files.read(reader({ kind: 'abandoned', path }));
    files.note({ ...LARGE, stamp: '2' });
    await files.end();
    expect(stamps).toEqual(['1', '2']);
  });
});
