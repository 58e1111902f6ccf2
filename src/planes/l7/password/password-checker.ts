import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { availableParallelism } from 'node:os';
import { crash } from '../../../lib/crash.ts';
import { Fault, messageOf } from '../../../lib/fault.ts';
import type { Logger } from '../../../lib/logger.ts';
import { PersistentMap } from '../../../lib/persistent-map.ts';
import { passwordLinesOf, type PasswordFile, type PasswordLines } from '../../../model/password-file.ts';
import { VerifyingThreads } from './verifying-threads.ts';

/** What HAProxy is answered: `unknown` where nothing can be said, which lets nobody in. */
type Verdict = 'yes' | 'no' | 'unknown';

export interface PasswordCheckerOptions {
  /** Name of the abstract Unix socket that HAProxy connects to. */
  readonly name: string;
  /** What only HAProxy and Sluice know. */
  readonly key: string;
  readonly logger: Logger;
}

/** How long password files that are not wanted any more are kept for requests that were led to them, in milliseconds. */
const KEPT_MS = 60_000;

/** How many answers are remembered, so that clients with one password, and those who ask again and again with a wrong one, cost it once. */
const MOST_REMEMBERED = 10_000;

/**
 * Tells HAProxy whether names and passwords are right. It asks once for each client and password, and keeps who was let in itself
 * (`filter/basic-auth.ts`), so that neither a slow hash nor Sluice's being away stands between them and their backends.
 *
 * What is asked and answered is proven with the key: SHA-256 of the key, a number used once, and a word.
 */
export class PasswordChecker {
  readonly #options: PasswordCheckerOptions;
  readonly #server: Server;
  readonly #threads: VerifyingThreads;
  #files = PersistentMap.empty<PasswordFile>();
  #served = PersistentMap.empty<PasswordFile>();
  #former: readonly { readonly files: PersistentMap<PasswordFile>; readonly untilMs: number }[] = [];
  readonly #lines = new WeakMap<PasswordFile, PasswordLines>();
  readonly #remembered = new Map<string, Promise<Verdict>>();

  constructor(options: PasswordCheckerOptions) {
    this.#options = options;
    this.#threads = new VerifyingThreads(Math.max(1, Math.min(2, availableParallelism() - 1)), (error) =>
      options.logger.error('a thread that checks passwords has ended', { error: messageOf(error) }),
    );
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(crash);
    });
  }

  /** @throws Fault `password-checker` when another process has the name. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) =>
        reject(
          new Fault(
            'password-checker',
            `the socket on which HAProxy asks about passwords cannot be had (${messageOf(cause)})`,
            { cause, retryable: false },
          ),
        ),
      );
      this.#server.listen(`\0${this.#options.name}`, () => resolve());
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.#threads.close();
  }

  /**
   * The files that are asked about from now on. Call it before a route leads to one. `served`: those that routes lead to until then, however
   * long it takes; undefined: as was said before.
   */
  hold(files: PersistentMap<PasswordFile>, served: PersistentMap<PasswordFile> | undefined): void {
    this.#served = served ?? this.#served;
    if (files === this.#files) return;
    const nowMs = performance.now();
    this.#former = [
      ...this.#former.filter(({ untilMs }) => untilMs > nowMs),
      { files: this.#files, untilMs: nowMs + KEPT_MS },
    ];
    this.#files = files;
  }

  #fileOf(id: string): PasswordFile | undefined {
    const nowMs = performance.now();
    const former = this.#former.find(({ files, untilMs }) => untilMs > nowMs && files.has(id));
    return this.#files.get(id) ?? this.#served.get(id) ?? former?.files.get(id);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    const { authorization = '' } = request.headers;
    const nonce = String(request.headers['x-nonce']);
    if (!isEqual(String(request.headers['x-proof']), this.#proof(nonce, 'ask'))) {
      response.writeHead(403).end();
      return;
    }
    const file = this.#fileOf((request.url ?? '').slice(1));
    const verdict = file === undefined ? 'unknown' : await this.#remember(file, authorization);
    response.writeHead(200, { 'x-proof': this.#proof(nonce, verdict) }).end();
  }

  #proof(nonce: string, word: string): string {
    return createHash('sha256').update(`${this.#options.key}|${nonce}|${word}`).digest('hex').toUpperCase();
  }

  /** One check for all who ask the same at once, or soon again. */
  #remember(file: PasswordFile, authorization: string): Promise<Verdict> {
    const key = createHash('sha256').update(`${file.id}|${authorization}`, 'latin1').digest('base64');
    const known = this.#remembered.get(key);
    const verdict = known ?? this.#check(file, authorization);
    this.#remembered.delete(key);
    this.#remembered.set(key, verdict);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > MOST_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
    if (known === undefined)
      verdict
        .then((word) => {
          if (word === 'unknown') this.#remembered.delete(key);
        })
        .catch(crash);
    return verdict;
  }

  async #check(file: PasswordFile, authorization: string): Promise<Verdict> {
    const [, encoded] = /^basic +([A-Za-z0-9+/=_-]+) *$/i.exec(authorization) ?? [];
    const credentials = Buffer.from(encoded ?? '', 'base64');
    const colon = credentials.indexOf(':');
    if (encoded === undefined || colon < 0) return 'no';
    const { users } = this.#linesOf(file);
    const known = users.get(credentials.toString('latin1', 0, colon));
    // Somebody who does not know a name learns nothing of it by the time that the answer takes.
    const [hash = known] = known === undefined ? users.values() : [known];
    if (hash === undefined) return 'no';
    const isRight = await this.#threads.verify(file.id, hash, credentials.subarray(colon + 1));
    if (isRight === undefined) return 'unknown';
    return isRight && known !== undefined ? 'yes' : 'no';
  }

  #linesOf(file: PasswordFile): PasswordLines {
    const lines = this.#lines.get(file) ?? passwordLinesOf(file.text.reveal());
    this.#lines.set(file, lines);
    return lines;
  }
}

function isEqual(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}
