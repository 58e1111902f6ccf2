/**
 * Key material. Prints as `[secret]` wherever it is interpolated, serialised or inspected, so that
 * no log line, golden file or crash report can hold it by accident.
 */
export class SecretText {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself, for the one place that hands it to a data plane. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }
}

/**
 * Whether a text can be a password between BGP peers: what a string of bird.conf may hold, which knows no escapes, and no more of it than
 * the kernel takes (TCP_MD5SIG_MAXKEYLEN).
 */
export function isBgpPassword(text: string): boolean {
  return /^[\x20\x21\x23-\x7e]{1,80}$/.test(text);
}
