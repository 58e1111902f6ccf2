/** What a {@link Fault} is about, in a form that metrics and logs can group by. */
export type FaultCode = string;

/**
 * The world said no: a socket, a process, an API server, a disk.
 *
 * Thrown only by `kube/`, `sources/` and `planes/`, caught only by whoever retries (the runner, the
 * reflector) or by `main.ts`. A user's wrong object is never a Fault but a Finding, and a broken
 * invariant is a plain Error that crashes the program.
 */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  /** False when trying again without a change by a person cannot help (a port in use, a missing binary). */
  readonly retryable: boolean;
  /** How long whoever said no asks to be left alone, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: FaultCode,
    message: string,
    options: {
      readonly cause?: unknown;
      readonly retryable?: boolean;
      readonly retryAfterMs?: number | undefined;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? true;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The message of anything that was thrown, for a log line. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
