/** Calls back once when nobody has fed it for a while. */
export class Watchdog {
  readonly #onSilence: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(onSilence: () => void) {
    this.#onSilence = onSilence;
  }

  /** Expects food every `withinMs` milliseconds from now on; `undefined` stops expecting any. */
  expect(withinMs: number | undefined): void {
    clearTimeout(this.#timer);
    this.#timer = withinMs === undefined ? undefined : setTimeout(this.#onSilence, withinMs);
  }

  /** Starts the current wait anew. Cheap: may be called for every chunk of a stream. */
  feed(): void {
    this.#timer?.refresh();
  }
}
