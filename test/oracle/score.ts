import type { Case, Observation } from './case.ts';
import { compareCase, isCounted, kindOf, type Difference } from './compare.ts';
import { reachesApplication } from './subject-of-case.ts';

/** A case and what came of it. */
export interface Result {
  readonly item: Case;
  readonly observations: readonly Observation[];
  /** One list a request. */
  readonly differences: readonly (readonly Difference[])[];
  /** Indexes of requests that ingress-nginx refuses and that reach an application here. */
  readonly opened: readonly number[];
  /** Indexes of requests that an application answers there, and nobody here. */
  readonly closed: readonly number[];
  readonly isEqual: boolean;
}

export function resultOf(item: Case, observations: readonly Observation[]): Result {
  const differences = compareCase(item, observations);
  const indexes = (isFlipped: (recorded: Observation, observed: Observation) => boolean): readonly number[] =>
    item.requests.flatMap(({ observed: recorded }, index) => {
      const observed = observations[index];
      return observed !== undefined && !isCounted(recorded) && isFlipped(recorded, observed) ? [index] : [];
    });
  return {
    item,
    observations,
    differences,
    opened: indexes((recorded, observed) => isRefused(recorded) && isServed(observed)),
    closed: indexes(
      (recorded, observed) => isServed(recorded) && kindOf(observed) === 'not served' && !reachesApplication(observed),
    ),
    isEqual: differences.every((list) => list.length === 0),
  };
}

function isRefused(observation: Observation): boolean {
  return [400, 401, 403, 'tls error'].includes(observation.status ?? '') && !reachesApplication(observation);
}

function isServed(observation: Observation): boolean {
  return kindOf(observation) === 'served' && reachesApplication(observation);
}

/** The score by topic, as lines of text. `intended` are the cases that are to differ. */
export function scoreTable(results: readonly Result[], intended: ReadonlySet<string>): string {
  const topics = [...new Set(results.map(({ item }) => item.topic))].toSorted();
  const line = (name: string, some: readonly Result[]): string => {
    const equal = some.filter(({ isEqual }) => isEqual).length;
    const meant = some.filter(({ item, isEqual }) => !isEqual && intended.has(item.id)).length;
    const opened = some.reduce((sum, result) => sum + result.opened.length, 0);
    const closed = some.reduce((sum, result) => sum + result.closed.length, 0);
    return [
      name.padEnd(16),
      ...[some.length, equal, meant, opened, closed].map((count) => String(count).padStart(10)),
    ].join('');
  };
  return [
    `${'topic'.padEnd(16)}${['cases', 'equal', 'intended', 'opened', 'closed'].map((name) => name.padStart(10)).join('')}`,
    ...topics.map((topic) =>
      line(
        topic,
        results.filter(({ item }) => item.topic === topic),
      ),
    ),
    line('all', results),
  ].join('\n');
}
