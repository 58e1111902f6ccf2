import { createHash, timingSafeEqual } from 'node:crypto';
import { CachedFile } from '../lib/cached-file.ts';
import { Fault, messageOf } from '../lib/fault.ts';

/** How long a token counts after its file has another one, in milliseconds. */
const MAX_AGE_MS = 10_000;

/** Shorter ones can be guessed. */
const MIN_CHARACTERS = 16;

/** What a request has to show where the API asks for a token: the text of a file, which somebody may replace. */
export class ApiToken {
  readonly #file: CachedFile;

  private constructor(file: CachedFile) {
    this.#file = file;
  }

  /** @throws Fault `api-token` when there is no token in the file, or none that is worth the name */
  static async open(path: string): Promise<ApiToken> {
    const file = new CachedFile(path, MAX_AGE_MS);
    const problem = await file.read().then(
      (text) => (isToken(text.trim()) ? undefined : `it has no token of ${MIN_CHARACTERS} characters or more`),
      (thrown: unknown) => messageOf(thrown),
    );
    if (problem === undefined) return new ApiToken(file);
    throw new Fault('api-token', `--api-token-file ${path} cannot be used: ${problem}`, { retryable: false });
  }

  /** Whether the header Authorization of a request shows it. */
  async isShownBy(authorization: string | undefined): Promise<boolean> {
    const wanted = (await this.#file.read()).trim();
    const shown = /^Bearer +(.+)$/i.exec(authorization ?? '')?.[1] ?? '';
    // Of digests, the comparison says nothing about the length either.
    return isToken(wanted) && timingSafeEqual(digestOf(shown), digestOf(wanted));
  }
}

function isToken(text: string): boolean {
  return text.length >= MIN_CHARACTERS;
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
