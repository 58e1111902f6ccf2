/** One entry of the registry: what `docs/reference/findings.md` is generated from. */
export interface CodeEntry {
  readonly code: `SLU${number}`;
  readonly severity: 'error' | 'warning';
  /** What the code means, in one sentence. */
  readonly title: string;
  /** What helps in general; a Finding may give a more exact one. */
  readonly remedy: string;
}
