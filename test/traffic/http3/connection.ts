import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { spawnBound } from '../../cluster/bound-process.ts';
import type { PythonEnvironment } from './aioquic.ts';

export interface Http3Request {
  readonly path: string;
  readonly method?: string;
  /** Default: the server name of the connection. */
  readonly authority?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Http3Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One HTTP/3 connection to 127.0.0.1, made by client.py. */
export class Http3Connection {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #folder: string;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, folder: string) {
    this.#child = child;
    this.#lines = lines;
    this.#folder = folder;
  }

  /**
   * Connects and trusts `certificate` (PEM) alone.
   *
   * @throws Error when the handshake fails, as when another certificate is shown
   */
  static async open(
    environment: PythonEnvironment,
    port: number,
    serverName: string,
    certificate: string,
  ): Promise<Http3Connection> {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-http3-'));
    const trusted = join(folder, 'trusted.pem');
    writeFileSync(trusted, certificate);
    const script = join(import.meta.dirname, 'client.py');
    const child = spawnBound('python3', [script, String(port), serverName, trusted], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: environment,
    });
    if (child.stdout === null) throw new Error('the client has no standard output');
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const connection = new Http3Connection(child, lines, folder);
    try {
      await connection.#next();
    } catch (error) {
      await connection.close();
      throw error;
    }
    return connection;
  }

  /** @throws Error when the connection ends before the answer has */
  async request(request: Http3Request): Promise<Http3Answer> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    // What client.py answers with.
    return (await this.#next()) as Http3Answer;
  }

  async close(): Promise<void> {
    const ended = this.#child.exitCode === null ? once(this.#child, 'close') : undefined;
    this.#child.stdin?.end();
    await ended;
    rmSync(this.#folder, { recursive: true });
  }

  async #next(): Promise<object> {
    const { value, done } = await this.#lines.next();
    const answer: unknown = done === true ? { error: 'the client ended' } : JSON.parse(value);
    if (typeof answer !== 'object' || answer === null) throw new Error(`not an answer: ${String(value)}`);
    if ('error' in answer) throw new Error(String(answer.error));
    return answer;
  }
}
