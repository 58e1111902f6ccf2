/** The object that an Event is about. */
export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  /** Absent for cluster-scoped objects; their Events go to the namespace `default`, where kubectl looks for them. */
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid?: string | undefined;
}

/** Something for those who look at an object with `kubectl describe`. */
export interface EventNote {
  readonly subject: EventSubject;
  readonly type: 'Normal' | 'Warning';
  /** One word, UpperCamelCase: what automation matches. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
}
