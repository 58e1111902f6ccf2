/** What an apply did, for logs and metrics. */
export interface Applied {
  /** How many changes reached the world; 0 when it already was as wanted. */
  readonly changes: number;
}

/**
 * One part of the world that a part of the Plan is applied to.
 *
 * `apply` is idempotent, makes the smallest change it can, and knows how to start over from nothing.
 * It throws a Fault when the world says no; the runner tries again with the newest plan then. What
 * was applied before keeps serving meanwhile.
 */
export interface Plane<Want> {
  readonly name: string;
  apply(want: Want, signal: AbortSignal): Promise<Applied>;
  /** Calls `listener` whenever the world changed under the plane, so that the same plan must be applied again. */
  onDisturbed(listener: (reason: string) => void): void;
  /** Leaves the world as the operator wants it when the program ends. */
  release(): Promise<void>;
}
