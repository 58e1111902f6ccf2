import type { HttpFilter } from '../../model/http/filter.ts';

/** What decides whether a filter of a rule has an effect on a host. */
export interface FilterContext {
  /** Whether the namespace of the rule's object has TLS for the host, or for the wildcard above it. */
  readonly isSecured: boolean;
}

/** One entry a filter: a new one does not compile without it. */
const HAS_EFFECT: { readonly [Type in HttpFilter['type']]: (context: FilterContext) => boolean } = {
  HttpsRedirect: ({ isSecured }) => isSecured,
};

/** The filters of a rule that have an effect where the context is this, so that the engine is given no others. */
export function effectiveFilters(filters: readonly HttpFilter[], context: FilterContext): readonly HttpFilter[] {
  return filters.filter((filter) => HAS_EFFECT[filter.type](context));
}
