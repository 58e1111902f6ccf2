import type { FileNews } from './file-reading.ts';
import { FolderFault } from './thread-reader.ts';

/** Reads large files, as a {@link ThreadReader} does: one at a time. */
export interface LargeFileReader {
  readLarge(path: string, stamp: string): AsyncGenerator<FileNews, void>;
}

/** The large files of a folder: they are read one after the other, while everything else goes on. */
export class LargeFiles {
  readonly #take: (news: FileNews) => Promise<void>;
  readonly #onEnd: () => void;
  /** What the last look has told of, by path: the stamp. */
  readonly #stamps = new Map<string, string>();
  readonly #waiting = new Set<string>();
  /** Could not be read. */
  readonly #failed = new Set<string>();
  #reading: Promise<void> | undefined;
  #bug: { readonly thrown: unknown } | undefined;

  /** `take` is given the news of the files, `onEnd` is called when there is nothing more to read. */
  constructor(take: (news: FileNews) => Promise<void>, onEnd: () => void) {
    this.#take = take;
    this.#onEnd = onEnd;
  }

  get isReading(): boolean {
    return this.#reading !== undefined;
  }

  /** Notes what a look tells of a file: one that is large waits, any other needs no reading any more. */
  note(news: FileNews): void {
    const { path } = news;
    this.#failed.delete(path);
    if (news.kind === 'large') {
      this.#stamps.set(path, news.stamp);
      this.#waiting.add(path);
    } else {
      this.#stamps.delete(path);
      this.#waiting.delete(path);
    }
  }

  /** Has those that could not be read wait again: a look does not tell of them before they change. */
  retry(): void {
    for (const path of this.#failed) this.#waiting.add(path);
    this.#failed.clear();
  }

  /** Begins to read what waits. @throws whatever a reading before has ended with that is no Fault */
  read(reader: LargeFileReader): void {
    if (this.#bug !== undefined) throw this.#bug.thrown;
    if (this.#waiting.size > 0) this.#reading ??= this.#readAll(reader);
  }

  /** When what is being read is read. @throws as {@link read} */
  async end(): Promise<void> {
    await this.#reading;
    if (this.#bug !== undefined) throw this.#bug.thrown;
  }

  async #readAll(reader: LargeFileReader): Promise<void> {
    try {
      for (const path of this.#waiting) {
        this.#waiting.delete(path);
        const stamp = this.#stamps.get(path);
        if (stamp === undefined || (await this.#readOne(reader, path, stamp))) continue;
        // Gone, or written anew, of which looks tell: only what is the same as then would not be read again.
        if (this.#stamps.get(path) === stamp) this.#failed.add(path);
      }
    } catch (thrown) {
      this.#bug = { thrown };
    } finally {
      this.#reading = undefined;
      this.#onEnd();
    }
  }

  /** False when the file system said no. */
  async #readOne(reader: LargeFileReader, path: string, stamp: string): Promise<boolean> {
    let isRead = true;
    try {
      for await (const news of reader.readLarge(path, stamp)) {
        isRead = news.kind !== 'unreadable' && news.kind !== 'abandoned';
        // Nothing is to be said of a file that has gone meanwhile.
        if (isRead || this.#stamps.has(path)) await this.#take(news);
      }
      return isRead;
    } catch (thrown) {
      if (!(thrown instanceof FolderFault)) throw thrown;
      await this.#take({ kind: 'abandoned', path });
      return false;
    }
  }
}
