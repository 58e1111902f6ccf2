import {
  hostKey,
  type HostIdentity,
  type BackendPlan,
  type CertificatePlan,
  type HostPlan,
  type L7Plan,
  type RouteAction,
  type RoutePlan,
} from '../../compile/plan.ts';
import { invariant } from '../../lib/invariant.ts';
import type { PersistentMap } from '../../lib/persistent-map.ts';
import { finding, type Finding } from '../../model/finding.ts';
import { objectAt, type ObjectKind, type ObjectRef } from '../../model/object.ts';
import { coverOf } from '../../model/path-regex.ts';
import { partsOf } from './certificates.ts';
import { backendName } from './encode.ts';

/** What HAProxy may have something against, each on its own. Hosts and paths that are no expressions are text to it. */
export type Item =
  | { readonly kind: 'certificate'; readonly value: CertificatePlan }
  | { readonly kind: 'backend'; readonly value: BackendPlan }
  | { readonly kind: 'expression'; readonly value: RoutePlan; readonly host: HostIdentity };

/** An item that HAProxy does not start with, and what it says about that. */
export interface Refusal {
  readonly item: Item;
  readonly reason: string;
}

/** Whether HAProxy would start on a plan: undefined if so, otherwise what it prints. */
export type Ask = (plan: L7Plan) => Promise<string | undefined>;

function itemsOf(plan: L7Plan): readonly Item[] {
  return [
    ...[...plan.certificates.values()].map((value): Item => ({ kind: 'certificate', value })),
    ...[...plan.backends.values()].map((value): Item => ({ kind: 'backend', value })),
    ...[...plan.hosts.values()].flatMap(({ host, entrance, isDeep, routes }) =>
      routes
        .filter(({ match }) => match.type === 'RegularExpression')
        .map((value): Item => ({ kind: 'expression', value, host: { host, entrance, isDeep } })),
    ),
  ];
}

/** The object of an item, as people know it. */
export function nameOf(item: Item): string {
  switch (item.kind) {
    case 'certificate':
      return `Secret ${item.value.id.replace('_', '/')}`;
    case 'backend':
      return `Service ${item.value.namespace}/${item.value.service}, port ${String(item.value.port)}`;
    case 'expression':
      return `${ownerKindOf(item.value)} ${item.value.owner}, path ${item.value.match.value} of ${item.host.host}`;
  }
}

/** What is said of an item that is left out, to whoever asks for what is wrong. */
export function findingOf({ item, reason }: Refusal): Finding {
  return finding('RefusedByHaproxy', refOf(item), '', `HAProxy refuses it: ${reason}`);
}

function refOf({ kind, value }: Item): ObjectRef {
  switch (kind) {
    case 'certificate':
      return objectAt('Secret', value.id.replace('_', '/'));
    case 'backend':
      return { kind: 'Service', namespace: value.namespace, name: value.service };
    case 'expression':
      return objectAt(ownerKindOf(value), value.owner);
  }
}

/** What no object made has no expression. */
function ownerKindOf({ ownerKind }: RoutePlan): ObjectKind {
  invariant(ownerKind !== undefined, 'an object wrote the expression');
  return ownerKind;
}

/** Whether HAProxy speaks of an item. Only a hint of where to look first. */
function isNamed(item: Item, said: string): boolean {
  switch (item.kind) {
    case 'certificate':
      return partsOf(item.value).some(({ file }) => said.includes(file));
    case 'backend':
      return said.includes(backendName(item.value.id));
    case 'expression':
      return said.includes(item.value.match.value);
  }
}

/** Whether a plan still has that very item. */
export function isIn(plan: L7Plan, item: Item): boolean {
  switch (item.kind) {
    case 'certificate':
      return plan.certificates.get(item.value.id) === item.value;
    case 'backend':
      return plan.backends.get(item.value.id) === item.value;
    case 'expression':
      return plan.hosts.get(hostKey(item.host))?.routes.includes(item.value) === true;
  }
}

/**
 * A plan less some items, where it still has those very ones. In the place of a certificate is the one that `served` has of it, if any. The
 * routes to a backend are answered 503, and so is whatever an expression could match: it must not fall to a route that is open to more people.
 */
export function without(plan: L7Plan, items: readonly Item[], served?: L7Plan): L7Plan {
  if (items.length === 0) return plan;
  let { certificates, backends, hosts, defaultCertificate } = plan;
  const lost = new Set<string>();
  for (const item of items) {
    if (!isIn(plan, item)) continue;
    if (item.kind === 'certificate') {
      const { id } = item.value;
      const before = served?.certificates.get(id);
      certificates = before === undefined ? certificates.delete(id) : certificates.set(id, before);
      if (before === undefined && defaultCertificate === id) defaultCertificate = undefined;
    } else if (item.kind === 'backend') {
      const { id } = item.value;
      backends = backends.delete(id);
      lost.add(id);
    } else {
      const host = hosts.get(hostKey(item.host));
      if (host !== undefined)
        hosts = hosts.set(hostKey(item.host), { ...host, routes: closed(host.routes, item.value) });
    }
  }
  if (lost.size > 0) hosts = refusedRoutes(hosts, lost);
  return { ...plan, certificates, backends, hosts, defaultCertificate };
}

/** The routes of a host with one that refuses in the place of an expression; behind all others, so that it wins where both have one text. */
function closed(routes: readonly RoutePlan[], refused: RoutePlan): readonly RoutePlan[] {
  const length = refused.match.type === 'RegularExpression' ? refused.match.length : undefined;
  const value = coverOf(refused.match.value);
  const match = { type: 'RegularExpression' as const, value, ...(length === undefined ? {} : { length }) };
  const action = refused.action.kind === 'refuse' ? refused.action : UNAVAILABLE;
  return [...routes.filter((route) => route !== refused), { ...refused, match, filters: [], action, alternatives: [] }];
}

const UNAVAILABLE = { kind: 'refuse', status: 503, reason: 'backend-invalid' } as const;

function refusedRoutes(hosts: PersistentMap<HostPlan>, lost: ReadonlySet<string>): PersistentMap<HostPlan> {
  let result = hosts;
  for (const [name, host] of hosts.sorted()) {
    const routes = host.routes.map((route) => withoutBackends(route, lost));
    if (routes.some((route, index) => route !== host.routes[index])) result = result.set(name, { ...host, routes });
  }
  return result;
}

/** The route itself where it leads to none of them. */
function withoutBackends(route: RoutePlan, lost: ReadonlySet<string>): RoutePlan {
  const isLost = (action: RouteAction): boolean =>
    action.kind === 'forward'
      ? lost.has(action.backend)
      : action.kind === 'split' && action.shares.some((share) => isLost(share.action));
  if (![route, ...route.alternatives].some(({ action }) => isLost(action))) return route;
  const replaced = (action: RouteAction): RouteAction => {
    if (!isLost(action)) return action;
    if (action.kind !== 'split') return UNAVAILABLE;
    const shares = action.shares.map((share) => (isLost(share.action) ? { ...share, action: UNAVAILABLE } : share));
    return { ...action, shares };
  };
  const alternatives = route.alternatives.map((one) => ({ ...one, action: replaced(one.action) }));
  return { ...route, action: replaced(route.action), alternatives };
}

/**
 * Finds the items of a plan that HAProxy does not start with, by asking: first without those that it speaks of, otherwise by halves. What
 * it says decides nothing but where to look first. Undefined where it has nothing against the plan, or something that no item alone is to
 * blame for.
 */
export async function findRefusals(plan: L7Plan, ask: Ask): Promise<readonly Refusal[] | undefined> {
  const said = await ask(plan);
  if (said === undefined) return undefined;
  const all = itemsOf(plan);
  if ((await ask(without(plan, all))) !== undefined) return undefined;
  const named = all.filter((item) => isNamed(item, said));
  const areNamed = named.length > 0 && (await ask(without(plan, named))) === undefined;
  const refusals = await search(plan, all, areNamed ? named : all, ask);
  const isRest =
    (await ask(
      without(
        plan,
        refusals.map(({ item }) => item),
      ),
    )) === undefined;
  return refusals.length > 0 && isRest ? refusals : undefined;
}

/** Those of `some` that HAProxy does not start with, although it is given nothing else but them. */
async function search(
  plan: L7Plan,
  all: readonly Item[],
  some: readonly Item[],
  ask: Ask,
): Promise<readonly Refusal[]> {
  const kept = new Set(some);
  const reason = await ask(
    without(
      plan,
      all.filter((item) => !kept.has(item)),
    ),
  );
  if (reason === undefined) return [];
  const [first] = some;
  if (some.length === 1 && first !== undefined) return [{ item: first, reason }];
  const half = some.length >> 1;
  const parts = [some.slice(0, half), some.slice(half)];
  return [...(await search(plan, all, parts[0] ?? [], ask)), ...(await search(plan, all, parts[1] ?? [], ask))];
}
