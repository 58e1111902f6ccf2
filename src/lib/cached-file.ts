import { readFile } from 'node:fs/promises';

/**
 * A small file that somebody else replaces from time to time (a token, a certificate), read again at
 * most every `maxAgeMs`.
 */
export class CachedFile {
  readonly path: string;
  readonly #maxAgeMs: number;
  readonly #nowMs: () => number;
  #content: string | undefined;
  #readAtMs = 0;

  /** @param nowMs a clock in milliseconds that never goes back */
  constructor(path: string, maxAgeMs: number, nowMs: () => number = () => performance.now()) {
    this.path = path;
    this.#maxAgeMs = maxAgeMs;
    this.#nowMs = nowMs;
  }

  /**
   * The file's text. When reading fails later on, what was read before is given again: whoever
   * replaces the file may be half-way through.
   *
   * @throws what `readFile` throws when the file has never been readable
   */
  async read(): Promise<string> {
    if (this.#content !== undefined && this.#nowMs() - this.#readAtMs < this.#maxAgeMs) return this.#content;
    try {
      this.#content = await readFile(this.path, 'utf8');
      this.#readAtMs = this.#nowMs();
    } catch (error) {
      if (this.#content === undefined) throw error;
    }
    return this.#content;
  }

  /** Makes the next {@link read} look at the disk, however fresh the content is. */
  expire(): void {
    this.#readAtMs = -Infinity;
  }
}
