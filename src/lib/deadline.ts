/** When to give up on something: at the latest after `timeoutMs`, or as soon as `signal` is aborted. */
export interface Deadline {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** The reason to abort with when the time is up. */
  readonly onTimeout: () => Error;
}

/**
 * Runs `work` with a signal that is aborted by `deadline.signal` (with its reason) or when the time
 * is up (with `onTimeout()`).
 *
 * By hand and not with `AbortSignal.any([..., AbortSignal.timeout(ms)])`, because those leave a
 * timer and an entry on the long-lived outer signal behind for every finished piece of work.
 */
export async function withDeadline<T>(deadline: Deadline, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const outer = deadline.signal;
  outer?.throwIfAborted();
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(deadline.onTimeout()), deadline.timeoutMs);
  const onAbort = (): void => controller.abort(outer?.reason);
  outer?.addEventListener('abort', onAbort, { once: true });
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', onAbort);
  }
}
