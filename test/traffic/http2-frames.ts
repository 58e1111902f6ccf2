import { connect, type Socket } from 'node:net';

/** Types of frames (RFC 9113 §6). */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  ping: 6,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FLAG = { endStream: 1, ack: 1, endHeaders: 4 } as const;

/** CANCEL, as the payload of a RST_STREAM. */
export const CANCEL = Buffer.from([0, 0, 0, 8]);

/** A frame of HTTP/2 (RFC 9113 §4.1). */
export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A setting in the payload of a SETTINGS frame. */
export function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

/** SETTINGS_INITIAL_WINDOW_SIZE: how much of an answer may be sent before its reader asks for more. */
export const INITIAL_WINDOW_SIZE = 4;

/** An integer of HPACK with a prefix of so many bits (RFC 7541 §5.1), below the bits of `first`. */
function integer(value: number, prefixBits: number, first: number): Buffer {
  const limit = 2 ** prefixBits - 1;
  if (value < limit) return Buffer.from([first | value]);
  const bytes = [first | limit];
  let rest = value - limit;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([integer(bytes.length, 7, 0), bytes]);
}

/** A header field that stays out of the table. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), string(name), string(value)]);
}

/** A header field that the receiver puts into its table, where it is then number 62. */
export function indexedLiteral(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40]), string(name), string(value)]);
}

/** One byte that stands for the field that was put into the table last. */
export const LATEST_FIELD = Buffer.from([0x80 | 62]);

/** The fields of a GET, with more behind them. */
export function getFields(authority: string, path: string, ...more: readonly Buffer[]): Buffer {
  // `:method: GET` and `:scheme: http` of the static table.
  return Buffer.concat([Buffer.from([0x82, 0x86]), literal(':authority', authority), literal(':path', path), ...more]);
}

/** HTTP/2 without TLS, written frame by frame: no library sends what an attacker does. */
export class RawHttp2 {
  isClosed = false;
  /** Bytes that came back. */
  received = 0;
  readonly #socket: Socket;

  /** `settings` are those of the first frame. */
  constructor(port: number, ...settings: readonly Buffer[]) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('close', () => (this.isClosed = true));
    this.#socket.on('error', () => {});
    this.#socket.on('data', (chunk: Buffer) => (this.received += chunk.length));
    this.#socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    this.#socket.write(frame(FRAME.settings, 0, 0, Buffer.concat(settings)));
  }

  /** Reads nothing more of what comes back. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Returns once there is room for more, or there never will be. */
  async send(...frames: readonly Buffer[]): Promise<void> {
    if (!this.isClosed) this.#socket.write(Buffer.concat(frames));
    // Lets go of the event loop in any case, so that the end of the connection is seen.
    await new Promise((resolve) => setImmediate(resolve));
    for (let waits = 0; !this.isClosed && this.#socket.writableNeedDrain && waits < 200; waits += 1)
      await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Whether the other side takes nothing more for the moment. */
  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  end(): void {
    this.#socket.destroy();
  }
}
