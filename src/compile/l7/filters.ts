import type { HttpFilter } from '../../model/http/filter.ts';
import type { BackendClass, BackendStages, RetryVariant } from '../plan.ts';

/** What decides whether a filter of a rule has an effect on a host. */
export interface FilterContext {
  /** Whether the namespace of the rule's object has TLS for the host, or for the wildcard above it. */
  readonly isSecured: boolean;
}

interface FilterEntry {
  readonly hasEffect: (context: FilterContext) => boolean;
  /** The smallest class of backends that has the rules for it. */
  readonly class: BackendStages;
}

const always = (): boolean => true;

/** One entry a filter: a new one does not compile without it. */
const FILTERS: Readonly<Record<HttpFilter['type'], FilterEntry>> = {
  // Its rule stands in the frontend, as that of a redirect stands in a backend of its own.
  HttpsRedirect: { hasEffect: ({ isSecured }) => isSecured, class: 'plain' },
  RequestRedirect: { hasEffect: always, class: 'plain' },
  RequestHeaderModifier: { hasEffect: always, class: 'edit' },
  ResponseHeaderModifier: { hasEffect: always, class: 'edit' },
  URLRewrite: { hasEffect: always, class: 'edit' },
  Timeouts: { hasEffect: always, class: 'edit' },
  // They are a part of the class that the other filters need.
  Retries: { hasEffect: always, class: 'plain' },
  AccessList: { hasEffect: always, class: 'full' },
  BasicAuth: { hasEffect: always, class: 'full' },
  ExternalAuth: { hasEffect: always, class: 'full' },
  RateLimit: { hasEffect: always, class: 'full' },
  ConnectionLimit: { hasEffect: always, class: 'full' },
  BodySize: { hasEffect: always, class: 'full' },
  CORS: { hasEffect: always, class: 'full' },
  CookieAffinity: { hasEffect: always, class: 'sticky' },
  HashBy: { hasEffect: always, class: 'sticky' },
};

/** The filters of a rule that have an effect where the context is this, so that the engine is given no others; one of a type. */
export function effectiveFilters(filters: readonly HttpFilter[], context: FilterContext): readonly HttpFilter[] {
  const byType = new Map<HttpFilter['type'], HttpFilter>();
  for (const filter of filters) {
    const isForced = filter.type === 'HttpsRedirect' && filter.isForced === true;
    if (!isForced && !FILTERS[filter.type].hasEffect(context)) continue;
    const before = byType.get(filter.type);
    byType.set(filter.type, before === undefined ? filter : merged(before, filter));
  }
  return [...byType.values()];
}

/** Headers are changed by one filter and then by the other; of any other type, what is said last counts. */
function merged(first: HttpFilter, then: HttpFilter): HttpFilter {
  if (first.type !== then.type || !('set' in first) || !('set' in then)) return then;
  const replaced = new Set<string>([...then.remove, ...then.set.map(({ name }) => name)]);
  const kept = first.set.filter(({ name }) => !replaced.has(name));
  const added = first.add.filter(({ name }) => !replaced.has(name));
  const remove = [...new Set([...first.remove, ...then.remove])];
  return { ...then, remove, set: [...kept, ...then.set], add: [...added, ...then.add] };
}

const SIZES: Readonly<Record<BackendStages, number>> = { plain: 0, edit: 1, full: 2, sticky: 3 };

/** The smallest class of backends that has the rules for all these filters. */
export function classFor(filters: readonly HttpFilter[]): BackendClass {
  let found: BackendStages = 'plain';
  let retries: RetryVariant | undefined;
  for (const filter of filters) {
    const needed = FILTERS[filter.type].class;
    if (SIZES[needed] > SIZES[found]) found = needed;
    if (filter.type === 'Retries') retries = filter.onServerErrors ? `r${filter.attempts}e` : `r${filter.attempts}`;
  }
  return retries === undefined ? found : `${found}-${retries}`;
}
