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
