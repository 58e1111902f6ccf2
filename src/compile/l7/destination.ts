import type { EndpointConnection } from '../../model/http/endpoint-connection.ts';
import type { HttpFilter } from '../../model/http/filter.ts';
import type { BackendRef } from '../../model/http/backend-ref.ts';
import {
  isRestriction,
  type HttpRule,
  type RouteSet,
  type RuleTarget,
  type Share,
  type SingleTarget,
} from '../../model/http/route-set.ts';
import { keyOf } from '../../model/object.ts';
import type { BackendClass, BackendId, Destination, RouteAction, SharePlan, SingleAction } from '../plan.ts';
import type { BackendUse } from './backend-table.ts';
import { classFor, effectiveFilters, type FilterContext } from './filters.ts';

/** Looks up the id under which the plan holds a backend for routes of a class that speak to it alike. */
export type BackendLookup = (
  backend: BackendRef,
  backendClass: BackendClass,
  connection: EndpointConnection | undefined,
) => BackendId;

/** What becomes of requests that a rule wants, and which backends that takes. Pure. */
export function destinationOf(
  owner: RouteSet,
  rule: HttpRule,
  securedBy: ReadonlySet<string>,
  backends: BackendLookup,
): { readonly destination: Destination; readonly uses: readonly BackendUse[] } {
  const context = { isSecured: securedBy.has(owner.ref.namespace) };
  const uses: BackendUse[] = [];
  const withServer = (filter: HttpFilter): HttpFilter => {
    if (filter.type !== 'ExternalAuth') return filter;
    const use = { backend: filter.server, class: 'plain', connection: filter.connection } as const;
    uses.push(use);
    return { ...filter, backend: backends(use.backend, use.class, use.connection) };
  };
  const filters = effectiveFilters(rule.filters, context).map(withServer);
  const single = (target: SingleTarget, needed: readonly HttpFilter[]): SingleAction => {
    if (target.kind === 'unavailable') return refusal(target);
    const use = { backend: target.backend, class: classFor(needed), connection: target.connection };
    uses.push(use);
    return { kind: 'forward', backend: backends(use.backend, use.class, use.connection) };
  };
  const action = actionOf(rule.target, filters, (share) => shareOf(filters, share, context, single), single);
  const isRefused = action.kind === 'refuse';
  const destination = {
    match: rule.match,
    filters: isRefused ? [] : filters,
    action,
    owner: keyOf(owner.ref),
    ownerKind: owner.ref.kind,
  };
  return { destination: isRefused ? { ...destination, filters: filters.filter(isOfFrontend) } : destination, uses };
}

type Unavailable = SingleTarget & { readonly kind: 'unavailable' };

const NO_BACKENDS: Unavailable = { kind: 'unavailable', status: 500, reason: 'backends-missing' };

/** What is refused is redirected to HTTPS first, as everything else of its host. */
function isOfFrontend({ type }: HttpFilter): boolean {
  return type === 'HttpsRedirect';
}

function refusal({ reason, status }: Unavailable): SingleAction {
  return { kind: 'refuse', status: status ?? 503, reason };
}

function actionOf(
  target: RuleTarget,
  filters: readonly HttpFilter[],
  share: (item: Share) => SharePlan,
  single: (item: SingleTarget, needed: readonly HttpFilter[]) => SingleAction,
): RouteAction {
  // Whoever is to be kept out learns nothing, not even where to ask instead.
  if (!isRestriction(target) && filters.some(({ type }) => type === 'RequestRedirect')) return { kind: 'redirect' };
  if (target.kind === 'none') return refusal(NO_BACKENDS);
  if (target.kind !== 'split') return single(target, filters);
  const shares = target.shares.filter(({ weight }) => weight > 0);
  const [first] = shares;
  if (first === undefined) return refusal(NO_BACKENDS);
  return { kind: 'split', shares: shares.map(share) };
}

function shareOf(
  filters: readonly HttpFilter[],
  { weight, filters: own, target }: Share,
  context: FilterContext,
  single: (item: SingleTarget, needed: readonly HttpFilter[]) => SingleAction,
): SharePlan {
  const all = effectiveFilters([...filters, ...own], context);
  return { weight, filters: all, action: single(target, all) };
}
