import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { freePort } from './lab.ts';

/** An answer to bytes that no library would send. */
export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

const DEADLINE_MS = 10_000;

/**
 * Sends bytes as they are and resolves with the first answer, once its body is as long as it says or the connection ends.
 * Status 0 is a connection that ended without an answer. @throws Error when nothing comes at all
 */
export async function rawRequest(port: number, bytes: string): Promise<RawAnswer> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write(Buffer.from(bytes, 'latin1'));
    let received = '';
    socket.on('error', () => {});
    return await new Promise<RawAnswer>((resolve, reject) => {
      socket.setTimeout(DEADLINE_MS, () => reject(new Error(`no answer to ${JSON.stringify(bytes.slice(0, 200))}`)));
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString('latin1');
        if (isWhole(received)) resolve(answerOf(received));
      });
      socket.on('close', () => resolve(answerOf(received)));
    });
  } finally {
    socket.destroy();
  }
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const length = /^content-length: (\d+)$/im.exec(text.slice(0, end))?.[1];
  return length === undefined ? text.startsWith('HTTP/1.1 101') : text.length >= end + 4 + Number(length);
}

function answerOf(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const head = text.slice(0, end === -1 ? undefined : end);
  return {
    status: Number(/^HTTP\/1\.[01] (\d+)/.exec(head)?.[1] ?? 0),
    head,
    body: end === -1 ? '' : text.slice(end + 4),
  };
}

/** What an {@link EchoBackend} does with a request for one of these paths, instead of sending its head back. */
export const ODD_ANSWERS: Readonly<Record<string, string>> = {
  '/broken': 'HTTP/1.1 200 OK\r\nno colon here\r\n\r\n',
  '/long': `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
  '/silent-end': '',
  '/cut': 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc',
};

/** A backend that sends back the head of each request as it came, byte for byte. */
export class EchoBackend {
  readonly port: number;
  readonly #server: Server;

  private constructor(port: number, server: Server) {
    this.port = port;
    this.#server = server;
  }

  static async start(): Promise<EchoBackend> {
    const server = createServer((socket) => {
      let received = '';
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString('latin1');
        for (let end = received.indexOf('\r\n\r\n'); end !== -1; end = received.indexOf('\r\n\r\n')) {
          const head = received.slice(0, end);
          received = received.slice(end + 4);
          const odd = ODD_ANSWERS[head.split(' ')[1] ?? ''];
          if (odd === undefined)
            socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${String(head.length)}\r\n\r\n${head}`, 'latin1');
          else socket.end(odd, 'latin1');
        }
      });
    });
    const port = await freePort();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new EchoBackend(port, server);
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}

/** The headers of a head that an {@link EchoBackend} sent back; of several with one name all values, joined by a bar. */
export function headersOf(head: string): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const line of head.split('\r\n').slice(1)) {
    const [, name = '', value = ''] = /^([^:]*): ?(.*)$/.exec(line) ?? [];
    headers[name] = headers[name] === undefined ? value : `${headers[name]} | ${value}`;
  }
  return headers;
}
