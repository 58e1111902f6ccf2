import { PersistentMap } from '../../../lib/persistent-map.ts';
import type { CookieAffinity } from '../../../model/http/filter/affinity.ts';
import { headerNameOf } from '../../../model/http/header.ts';
import { NO_CONDITIONS, type Conditions, type ValueMatch } from '../../../model/http/match.ts';
import type { HttpFilter } from '../../../model/http/filter.ts';
import type { RuleTarget, RuleVariant, Share, SingleTarget } from '../../../model/http/route-set.ts';
import {
  DEFAULT_POLICY,
  type Ingress,
  type IngressBackend,
  type IngressPath,
  type IngressPolicy,
} from '../../../model/ingress.ts';
import { byAge } from '../../../model/object.ts';
import { literalRegex, pathRegexOf, type PathRegex } from '../../../model/path-regex.ts';

/** A canary Ingress of a namespace, and one of its paths. */
export interface Canary {
  readonly policy: IngressPolicy;
  readonly backend: IngressBackend;
}

type Ingresses = PersistentMap<Ingress>;

/** Of each table of Ingresses, the keys of the canaries by namespace. */
const canaries = new WeakMap<Ingresses, ReadonlyMap<string, ReadonlySet<string>>>();

/** The same, made from that of the table before where that is known: a change is not to cost what the cluster holds. */
function noteCanaries(before: Ingresses, after: Ingresses): void {
  const known = canaries.get(before);
  if (known === undefined || canaries.has(after)) return;
  let next: Map<string, ReadonlySet<string>> | undefined;
  PersistentMap.diff(before, after, (key, left, right) => {
    const some = right ?? left;
    if (some === undefined || (left?.policy.isCanary !== true && right?.policy.isCanary !== true)) return;
    next ??= new Map(known);
    const keys = new Set(next.get(some.meta.namespace));
    if (right?.policy.isCanary === true) keys.add(key);
    else keys.delete(key);
    if (keys.size === 0) next.delete(some.meta.namespace);
    else next.set(some.meta.namespace, keys);
  });
  canaries.set(after, next ?? known);
}

function canariesIn(ingresses: Ingresses): ReadonlyMap<string, ReadonlySet<string>> {
  const known = canaries.get(ingresses);
  if (known !== undefined) return known;
  const found = new Map<string, Set<string>>();
  for (const [key, { meta, policy }] of ingresses.entries()) {
    if (policy.isCanary !== true) continue;
    const keys = found.get(meta.namespace) ?? new Set();
    found.set(meta.namespace, keys.add(key));
  }
  canaries.set(ingresses, found);
  return found;
}

/** The Ingresses that have to be looked at again because a canary of their namespace has changed, or they have themselves. */
export function besideCanaries(before: Ingresses, after: Ingresses, changed: ReadonlySet<string>): readonly string[] {
  noteCanaries(before, after);
  const namespaces = new Set<string>();
  for (const key of changed) {
    const namespace = (after.get(key) ?? before.get(key))?.meta.namespace ?? '';
    if (canariesIn(before).has(namespace) || canariesIn(after).has(namespace)) namespaces.add(namespace);
  }
  if (namespaces.size === 0) return [];
  return [...after.entries()].flatMap(([key, { meta }]) => (namespaces.has(meta.namespace) ? [key] : []));
}

/** Where the requests for a path may go besides. */
export type CanaryLookup = (host: string | undefined, path: IngressPath) => Canary | undefined;

const NONE: CanaryLookup = () => undefined;

/**
 * The canary of each path of the Ingresses of a namespace. One belongs to a path with the same host, path and type. ingress-nginx gives it
 * to everything that has the same Service behind it, whatever its host and path; so it is only where that is what is wanted
 * (`isShared`). Of several the oldest counts. A canary of another namespace has none of the requests of this one.
 */
export function canaryLookup(
  ingresses: Ingresses,
  namespace: string,
  isShared: boolean,
  isOurs: (ingress: Ingress) => boolean,
): CanaryLookup {
  const keys = canariesIn(ingresses).get(namespace);
  if (keys === undefined) return NONE;
  const byPath = new Map<string, Canary>();
  const found = [...keys]
    .flatMap((key) => ingresses.get(key) ?? [])
    .filter(isOurs)
    .toSorted((a, b) => byAge(a.meta, b.meta));
  for (const { rules, policy } of found)
    for (const { host, paths } of rules)
      for (const path of paths) {
        const id = pathId(host, path);
        const { backend } = path;
        if (backend !== undefined && !byPath.has(id))
          byPath.set(id, { policy: { ...DEFAULT_POLICY, ...policy }, backend });
      }
  if (!isShared) return (host, path) => byPath.get(pathId(host, path));
  const byBackend = new Map<string, Canary>();
  const main = [...ingresses.values()].filter(
    (ingress) => ingress.meta.namespace === namespace && ingress.policy.isCanary !== true,
  );
  for (const { rules } of main.toSorted((a, b) => byAge(a.meta, b.meta)))
    for (const { host, paths } of rules)
      for (const path of paths) {
        const canary = byPath.get(pathId(host, path));
        const id = backendKey(path.backend);
        if (canary !== undefined && id !== undefined && !byBackend.has(id)) byBackend.set(id, canary);
      }
  return (_, { backend }) => {
    const id = backendKey(backend);
    return id === undefined ? undefined : byBackend.get(id);
  };
}

function pathId(host: string | undefined, { written, match }: IngressPath): string {
  return [host ?? '', written?.type ?? match.type, written?.path ?? match.value].join(' ');
}

function backendKey(backend: IngressBackend | undefined): string | undefined {
  if (backend === undefined) return undefined;
  return `${backend.service} ${'number' in backend.port ? String(backend.port.number) : backend.port.name}`;
}

/** Where the requests of a canary go, and which they are. */
export interface CanaryTarget {
  readonly target: SingleTarget;
  readonly policy: IngressPolicy;
}

/** What becomes of a rule that has a canary. */
interface WithCanary {
  readonly target: RuleTarget;
  readonly variants: readonly RuleVariant[];
}

/** Marks the cookies of clients that stay with the canary. */
const MARK = 'c-';

/**
 * Which requests go to the canary (balancer.lua of ingress-nginx): those of clients that were there before, by the cookie of affinity; those
 * with the header; those with the cookie; and of the rest so many by chance.
 */
export function withCanary(
  main: SingleTarget,
  { target: canary, policy }: CanaryTarget,
  filters: readonly HttpFilter[],
): WithCanary {
  // Who is to be kept out, or sent elsewhere, is so whatever the canary.
  if (main.kind === 'unavailable') return { target: main, variants: [] };
  const affinity = filters.find((filter): filter is CookieAffinity => filter.type === 'CookieAffinity');
  const staying: readonly HttpFilter[] = affinity === undefined ? [] : [{ ...affinity, mark: MARK }];
  const to = (isCanary: boolean, name: string, value: ValueMatch): readonly RuleVariant[] => {
    const header = headerNameOf(name);
    if (header === undefined) return [];
    const conditions: Conditions = { ...NO_CONDITIONS, headers: [{ name: header, ...value }] };
    return [{ conditions, target: isCanary ? canary : main, filters: isCanary ? staying : [] }];
  };
  const cookie = (name: string, value: string): readonly ValueMatch[] => {
    const found = pathRegexOf(`(?:^|;)\\x20*${literalRegex(name)}=${value}`);
    return 'regex' in found ? [{ type: 'RegularExpression', value: found.regex }] : [];
  };
  const stayed =
    affinity === undefined
      ? []
      : [
          ...cookie(affinity.name, MARK).flatMap((value) => to(true, 'cookie', value)),
          ...cookie(affinity.name, '').flatMap((value) => to(false, 'cookie', value)),
        ];
  const asked = headerVariants(policy, to);
  const { canaryCookie: name } = policy;
  const chosen =
    name === undefined
      ? []
      : [
          ...cookie(name, 'always(?:;|$)').flatMap((value) => to(true, 'cookie', value)),
          ...cookie(name, 'never(?:;|$)').flatMap((value) => to(false, 'cookie', value)),
        ];
  return { target: byChance(main, canary, policy, staying), variants: [...stayed, ...asked, ...chosen] };
}

function headerVariants(
  { canaryHeader, canaryHeaderValue, canaryHeaderPattern }: IngressPolicy,
  to: (isCanary: boolean, name: string, value: ValueMatch) => readonly RuleVariant[],
): readonly RuleVariant[] {
  if (canaryHeader === undefined) return [];
  if (canaryHeaderValue !== undefined) return to(true, canaryHeader, { type: 'Exact', value: canaryHeaderValue });
  if (canaryHeaderPattern === 'invalid') return to(false, canaryHeader, { type: 'RegularExpression', value: ANYTHING });
  if (canaryHeaderPattern !== undefined)
    return to(true, canaryHeader, { type: 'RegularExpression', value: canaryHeaderPattern });
  return [
    ...to(true, canaryHeader, { type: 'Exact', value: 'always' }),
    ...to(false, canaryHeader, { type: 'Exact', value: 'never' }),
  ];
}

const ANYTHING: PathRegex = literalRegex('');

/** A total below 100 is not heeded. */
function byChance(
  main: SingleTarget,
  canary: SingleTarget,
  { canaryWeight, canaryWeightTotal }: IngressPolicy,
  staying: readonly HttpFilter[],
): RuleTarget {
  const total = Math.max(100, canaryWeightTotal);
  const weight = Math.min(total, canaryWeight);
  if (weight === 0) return main;
  const shares: readonly Share[] = [
    { weight: total - weight, filters: [], target: main },
    { weight, filters: staying, target: canary },
  ];
  return { kind: 'split', shares };
}
