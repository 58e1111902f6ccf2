import type { Socket } from 'node:net';

/** An answer of HTTP/1, headers as name and value in turn. */
export interface ReadAnswer {
  readonly status: number;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

/** Reads answers of HTTP/1 from a connection, whatever stands in them: a client library would refuse some that a case is about. */
export class AnswerReader {
  #bytes = Buffer.alloc(0);
  #end: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    const end = (error: Error): void => {
      this.#end ??= error;
      this.#wake();
    };
    socket.on('error', end);
    socket.on('end', () => end(new Error('closed')));
    socket.on('close', () => end(new Error('closed')));
  }

  /** @throws Error when the connection ends before the head does */
  async readHead(): Promise<{ readonly status: number; readonly rawHeaders: readonly string[] }> {
    for (;;) {
      const at = this.#bytes.indexOf('\r\n\r\n');
      if (at < 0) {
        await this.#more();
        continue;
      }
      const [statusLine = '', ...lines] = this.#bytes.subarray(0, at).toString('latin1').split('\r\n');
      this.#bytes = this.#bytes.subarray(at + 4);
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1] ?? Number.NaN);
      if (Number.isNaN(status)) throw new Error('not HTTP');
      // 100 and 103 come before the answer; 101 is one.
      if (status >= 200 || status === 101) return { status, rawHeaders: lines.flatMap(pairOf) };
    }
  }

  /** A body that ends early is what came of it. */
  async read(isHead: boolean): Promise<ReadAnswer> {
    const head = await this.readHead();
    const has = (name: string): string | undefined => valueOf(head.rawHeaders, name);
    if (isHead || head.status === 204 || head.status === 304) return { ...head, body: Buffer.alloc(0) };
    const length = has('content-length');
    if (has('transfer-encoding')?.toLowerCase() === 'chunked') return { ...head, body: await this.#chunks() };
    if (length === undefined) return { ...head, body: await this.#rest() };
    return { ...head, body: await this.take(Number(length)).catch(() => this.#bytes) };
  }

  /** @throws Error when the connection ends before so many bytes have come */
  async take(count: number): Promise<Buffer> {
    while (this.#bytes.length < count) await this.#more();
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  /** What comes until the connection ends, or for some time nothing more. */
  async everything(limitMs: number, quietMs: number): Promise<Buffer> {
    const deadlineMs = performance.now() + limitMs;
    for (;;) {
      const leftMs = deadlineMs - performance.now();
      const waitMs = this.#bytes.length > 0 ? Math.min(quietMs, leftMs) : leftMs;
      const before = this.#bytes.length;
      const late = new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, waitMs)));
      const isOver = await Promise.race([
        this.#more().then(
          () => false,
          () => true,
        ),
        late.then(() => true),
      ]);
      if (isOver && this.#bytes.length === before) return this.#bytes;
    }
  }

  async #chunks(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    try {
      for (;;) {
        const length = Number.parseInt((await this.#line()).toString('latin1'), 16);
        if (!(length > 0)) return Buffer.concat(chunks);
        chunks.push(await this.take(length));
        await this.take(2);
      }
    } catch {
      return Buffer.concat(chunks);
    }
  }

  async #line(): Promise<Buffer> {
    while (!this.#bytes.includes('\r\n')) await this.#more();
    const line = await this.take(this.#bytes.indexOf('\r\n'));
    await this.take(2);
    return line;
  }

  async #rest(): Promise<Buffer> {
    while (this.#end === undefined) await this.#more().catch(() => undefined);
    return this.#bytes;
  }

  async #more(): Promise<void> {
    if (this.#end !== undefined) throw this.#end;
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

function pairOf(line: string): readonly string[] {
  const colon = line.indexOf(':');
  return colon < 0 ? [] : [line.slice(0, colon), line.slice(colon + 1).trim()];
}

function valueOf(rawHeaders: readonly string[], name: string): string | undefined {
  const at = rawHeaders.findIndex((item, index) => index % 2 === 0 && item.toLowerCase() === name);
  return at < 0 ? undefined : rawHeaders[at + 1];
}
