import type { Route } from './route.ts';
import { asJson, type StoredObject } from './stored-object.ts';

/** Which objects of a resource a LIST or a watch is about. */
export type Selects = (object: StoredObject) => boolean;

interface Term {
  readonly key: string;
  /** Undefined: any, so long as there is one. */
  readonly value: string | undefined;
  readonly isNegated: boolean;
}

/** Namespace, `metadata.*` field selectors, and (in)equality and presence of labels: all that the fake understands. */
export function selects(route: Route, query: URLSearchParams): Selects {
  const fields = terms(query.get('fieldSelector'));
  const labels = terms(query.get('labelSelector'));
  return (object) => {
    const { namespace, name } = object.metadata;
    const fieldValues: Readonly<Record<string, string | undefined>> = {
      'metadata.name': name,
      'metadata.namespace': namespace,
    };
    const labelValues = asJson(object.metadata['labels']);
    return (
      (route.namespace === undefined || route.namespace === namespace) &&
      fields.every((term) => holds(term, fieldValues[term.key])) &&
      labels.every((term) => holds(term, labelValues[term.key]))
    );
  };
}

function holds({ value, isNegated }: Term, found: unknown): boolean {
  return (value === undefined ? found !== undefined : found === value) !== isNegated;
}

function terms(selector: string | null): readonly Term[] {
  if (selector === null || selector === '') return [];
  return selector.split(',').map((term) => {
    const [key = '', value] = term.replace(/^!/, '').split(/!=|==?/);
    return { key, value, isNegated: term.includes('!') };
  });
}
