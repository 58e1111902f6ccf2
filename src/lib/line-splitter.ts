const newline = 0x0a;

/**
 * Cuts a stream of bytes into lines.
 *
 * It looks for the byte 0x0A, which in UTF-8 never is a part of another character, and decodes whole
 * lines only, so a character that two chunks share stays whole.
 */
export class LineSplitter {
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  /** Bytes seen after the last line end. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** The lines that `chunk` completes, without their line ends; empty lines are left out. */
  push(chunk: Buffer): readonly string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const line = this.#complete(chunk, start, end);
      if (line !== '') lines.push(line);
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#pending.push(chunk.subarray(start));
      this.#pendingBytes += chunk.length - start;
    }
    return lines;
  }

  #complete(chunk: Buffer, start: number, end: number): string {
    if (this.#pendingBytes === 0) return chunk.toString('utf8', start, end);
    this.#pending.push(chunk.subarray(start, end));
    const line = Buffer.concat(this.#pending).toString('utf8');
    this.#pending = [];
    this.#pendingBytes = 0;
    return line;
  }
}
