/**
 * What `promise` gives, unless `signal` is aborted first: then it throws the signal's reason, and
 * whatever `promise` comes to is nobody's any more. For work that several callers share, so that one
 * of them may leave without stopping it.
 */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
