/** Lets asynchronous pieces of work run one after the other, in the order in which they asked. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when everything before it has ended, well or not. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    // What comes after waits for the end of this turn; its failure is the business of whoever took it.
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
