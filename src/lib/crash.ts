/**
 * Ends the program with what a promise nobody waits for was rejected with: work in the background
 * handles its Faults itself, so that whatever is left is a bug.
 */
export function crash(thrown: unknown): void {
  queueMicrotask(() => {
    throw thrown;
  });
}
