import { PersistentMap } from '../../lib/persistent-map.ts';
import { certificateIn, type Secret } from '../../model/secret.ts';

/**
 * Tells whose certificate has begun or ceased to be valid as time goes on. Between two such moments time
 * changes nothing, and asking costs what the changed Secrets cost.
 */
export class ValidityTable {
  #nowMs = 0;
  /** Not after the next moment at which any certificate begins or ceases to be valid. */
  #nextMs = Infinity;

  /** The keys of unchanged Secrets whose certificate is valid now and was not at the last call, or the other way round. */
  advance(before: PersistentMap<Secret>, after: PersistentMap<Secret>, nowMs: number): readonly string[] {
    const [startMs, endMs] = nowMs < this.#nowMs ? [nowMs, this.#nowMs] : [this.#nowMs, nowMs];
    const isClockSetBack = nowMs < this.#nowMs;
    this.#nowMs = nowMs;
    PersistentMap.diff(before, after, (_, __, secret) => this.#note(secret));
    if (nowMs < this.#nextMs && !isClockSetBack) return [];
    this.#nextMs = Infinity;
    const crossed: string[] = [];
    for (const [key, secret] of after.entries()) {
      this.#note(secret);
      if (momentsOf(secret).some((momentMs) => momentMs > startMs && momentMs <= endMs)) crossed.push(key);
    }
    return crossed;
  }

  #note(secret: Secret | undefined): void {
    for (const momentMs of momentsOf(secret))
      if (momentMs > this.#nowMs) this.#nextMs = Math.min(this.#nextMs, momentMs);
  }
}

/** The first moment at which a certificate is valid, and the first at which it is not any more. */
function momentsOf(secret: Secret | undefined): readonly number[] {
  const certificate = certificateIn(secret);
  if (certificate === undefined) return [];
  const { notBeforeMs, notAfterMs } = certificate;
  return [notBeforeMs, notAfterMs + 1];
}
