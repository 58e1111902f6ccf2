import type { HttpFilter } from '../../../model/http/filter.ts';
import type { L7Plan } from '../../plan.ts';
import type { Answer } from './answer.ts';

/** What a client notices of an answer, to be compared and shown. */
export interface Outcome {
  /** `namespace/service:port` of those that get the request; empty where the gateway answers itself. */
  readonly target: string;
  /** Of an answer of the gateway itself; undefined: the backend says. */
  readonly status: number | undefined;
  /** Where a client is sent, or what the backend is asked for. */
  readonly path: string;
  /** What else is done to the request, in one word each; for closer comparison, all of it. */
  readonly filters: readonly string[];
  readonly details: string;
}

/** Class is the backend, so that two plans whose backends are named otherwise are compared by what they stand for. */
export function outcomeOf(answer: Answer, plan: L7Plan): Outcome {
  switch (answer.kind) {
    case 'refused':
      return { target: '', status: answer.status, path: '', filters: [], details: '' };
    case 'redirected':
      return { target: '', status: answer.status, path: answer.location, filters: [], details: '' };
    case 'forwarded': {
      const names = answer.backends.map(({ backend, weight }) => {
        const found = backend === undefined ? undefined : plan.backends.get(backend);
        const name = found === undefined ? '503' : `${found.namespace}/${found.service}:${String(found.port)}`;
        return answer.backends.length > 1 ? `${name} (${String(weight)})` : name;
      });
      const filters = answer.filters.map(({ type }) => type).toSorted();
      return {
        target: names.join(', '),
        status: undefined,
        path: answer.target,
        filters,
        details: detailsOf(answer.filters),
      };
    }
  }
}

function detailsOf(filters: readonly HttpFilter[]): string {
  return JSON.stringify(filters.toSorted((a, b) => (a.type < b.type ? -1 : 1)));
}

/** Whether a client notices no difference. */
export function isSameOutcome(a: Outcome, b: Outcome): boolean {
  return a.target === b.target && a.status === b.status && a.path === b.path && a.details === b.details;
}

/** An outcome in words, such as `shop/web:80 as /items, with RateLimit` or `308 to https://shop.test/`. */
export function outcomeText({ target, status, path, filters }: Outcome, asked: string): string {
  if (status !== undefined) return path === '' ? String(status) : `${String(status)} to ${path}`;
  const rewritten = path === asked ? '' : ` as ${path}`;
  return `${target}${rewritten}${filters.length === 0 ? '' : `, with ${filters.join(', ')}`}`;
}
