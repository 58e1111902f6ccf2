/**
 * Which owners depend on which inputs, in both directions, so that a changed input names the owners
 * to compute again without visiting the others.
 */
export class DependencyIndex {
  readonly #ownersOf = new Map<string, Set<string>>();
  readonly #inputsOf = new Map<string, readonly string[]>();

  /** Replaces what `owner` depends on; an empty list forgets it. */
  set(owner: string, inputs: readonly string[]): void {
    for (const input of this.#inputsOf.get(owner) ?? []) this.#release(input, owner);
    if (inputs.length === 0) {
      this.#inputsOf.delete(owner);
      return;
    }
    this.#inputsOf.set(owner, inputs);
    for (const input of inputs) {
      const owners = this.#ownersOf.get(input) ?? new Set<string>();
      this.#ownersOf.set(input, owners.add(owner));
    }
  }

  ownersOf(input: string): ReadonlySet<string> {
    return this.#ownersOf.get(input) ?? NONE;
  }

  inputsOf(owner: string): readonly string[] {
    return this.#inputsOf.get(owner) ?? [];
  }

  #release(input: string, owner: string): void {
    const owners = this.#ownersOf.get(input);
    owners?.delete(owner);
    if (owners?.size === 0) this.#ownersOf.delete(input);
  }
}

const NONE: ReadonlySet<string> = new Set();
