/** A condition as Gateway API has it, without the times: `True`, or `False` with what is wrong. Whoever writes it adds `observedGeneration`. */
export interface Condition {
  readonly type: string;
  readonly isTrue: boolean;
  /** One word, UpperCamelCase, of the API (gateway.networking.k8s.io/v1). */
  readonly reason: string;
  /** For people. */
  readonly message: string;
}

/** What is decided of something, before it is a condition of a type. */
export type Verdict = Omit<Condition, 'type'>;

/** Nothing is wrong. */
export function yes(reason: string, message = ''): Verdict {
  return { isTrue: true, reason, message };
}

/** Something is wrong. */
export function no(reason: string, message: string): Verdict {
  return { isTrue: false, reason, message };
}

/** A verdict as the condition of a type. */
export function condition(type: string, verdict: Verdict): Condition {
  return { type, ...verdict };
}
