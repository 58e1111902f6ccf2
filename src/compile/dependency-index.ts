/**
 * Which owners depend on which inputs, in both directions, so that a changed input names the owners
 * to compute again without visiting the others.
 */
export class DependencyIndex {
  /** Most inputs have one owner, which needs no set: a large cluster has tens of thousands of them. */
  readonly #ownersOf = new Map<string, string | Set<string>>();
  readonly #inputsOf = new Map<string, readonly string[]>();

  /** Replaces what `owner` depends on; an empty list forgets it. */
  set(owner: string, inputs: readonly string[]): void {
    for (const input of this.#inputsOf.get(owner) ?? []) this.#release(input, owner);
    if (inputs.length === 0) {
      this.#inputsOf.delete(owner);
      return;
    }
    this.#inputsOf.set(owner, inputs);
    for (const input of inputs) this.#own(input, owner);
  }

  ownersOf(input: string): ReadonlySet<string> {
    const owners = this.#ownersOf.get(input);
    if (owners === undefined) return NONE;
    return typeof owners === 'string' ? new Set([owners]) : owners;
  }

  inputsOf(owner: string): readonly string[] {
    return this.#inputsOf.get(owner) ?? [];
  }

  /** Everybody who depends on anything. */
  owners(): Iterable<string> {
    return this.#inputsOf.keys();
  }

  #own(input: string, owner: string): void {
    const owners = this.#ownersOf.get(input);
    if (owners === undefined) this.#ownersOf.set(input, owner);
    else if (typeof owners !== 'string') owners.add(owner);
    else if (owners !== owner) this.#ownersOf.set(input, new Set([owners, owner]));
  }

  #release(input: string, owner: string): void {
    const owners = this.#ownersOf.get(input);
    if (owners === owner) this.#ownersOf.delete(input);
    if (owners === undefined || typeof owners === 'string') return;
    owners.delete(owner);
    if (owners.size === 0) this.#ownersOf.delete(input);
  }
}

const NONE: ReadonlySet<string> = new Set();
