import type { ReadArgument } from '../ingress-nginx/arguments.ts';
import type { ChangedRequests } from './comparison.ts';
import type { ReplayReport } from './replay.ts';

/** What a move means for an object, the worst first. */
export const VERDICTS = {
  dangerous: 'It puts text into the configuration of nginx, by which others have been attacked. It is not taken over.',
  unsupported: 'Something that it asks for is not implemented.',
  differs: 'Some requests are answered otherwise, or something of it cannot be read.',
  'same under strict-nginx':
    'All is as it was with --compat strict-nginx; without it, some requests are answered otherwise.',
  same: 'Nothing changes.',
} as const;

export type Verdict = keyof typeof VERDICTS;

export const VERDICT_ORDER = Object.keys(VERDICTS) as readonly Verdict[];

/** One thing to know of an object. */
export interface Reason {
  readonly verdict: Verdict;
  /** Which field or annotation; empty: the object as a whole. */
  readonly field: string;
  readonly text: string;
  /** What to do; empty: nothing. */
  readonly remedy: string;
}

/** What a move means for one object. */
export interface ObjectReport {
  readonly kind: string;
  /** `namespace/name`. */
  readonly object: string;
  readonly verdict: Verdict;
  readonly reasons: readonly Reason[];
  /** Requests that are answered otherwise without `--compat strict-nginx`. */
  readonly requests: readonly ChangedRequests[];
  /** A JSON merge patch that takes out of the object what has no effect here; undefined where there is nothing. */
  readonly patch: object | undefined;
}

/** What a move from ingress-nginx means. */
export interface MigrationReport {
  readonly summary: Readonly<Record<Verdict, number>>;
  /** The worst first. */
  readonly objects: readonly ObjectReport[];
  /** Of each workload that runs the controller: its arguments. */
  readonly workloads: readonly { readonly object: string; readonly arguments: readonly ReadArgument[] }[];
  /** Undefined where no log was given. */
  readonly accessLog: ReplayReport | undefined;
}

/** Puts reports of objects into order, and counts them. */
export function migrationReport(
  objects: readonly ObjectReport[],
  workloads: MigrationReport['workloads'],
  accessLog: ReplayReport | undefined,
): MigrationReport {
  const count = (verdict: Verdict): number => objects.filter((object) => object.verdict === verdict).length;
  const counts = VERDICT_ORDER.map((verdict) => [verdict, count(verdict)] as const);
  return {
    // Every verdict is in the order.
    summary: Object.fromEntries(counts) as Record<Verdict, number>,
    objects: objects.toSorted((a, b) => rankOf(a.verdict) - rankOf(b.verdict) || (nameOf(a) < nameOf(b) ? -1 : 1)),
    workloads,
    accessLog,
  };
}

/** Whether somebody has to do something before the move, or decide something. */
export function isClean({ summary, workloads, accessLog }: MigrationReport): boolean {
  const isRefused = workloads.some((workload) => workload.arguments.some(({ verdict }) => verdict === 'refused'));
  const changed = accessLog?.changed.length ?? 0;
  return summary.dangerous + summary.unsupported + summary.differs + changed === 0 && !isRefused;
}

/** The worst of some verdicts; `same` where there are none. */
export function worstOf(verdicts: readonly Verdict[]): Verdict {
  return VERDICT_ORDER.find((verdict) => verdicts.includes(verdict)) ?? 'same';
}

function rankOf(verdict: Verdict): number {
  return VERDICT_ORDER.indexOf(verdict);
}

function nameOf({ kind, object }: ObjectReport): string {
  return `${kind} ${object}`;
}
