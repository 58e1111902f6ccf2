import type { Finding } from '../../model/finding.ts';
import { hostnameOf, isWildcard, type Hostname } from '../../model/grammar.ts';
import type { Entrance } from '../../model/http/route-set.ts';
import { ANY_HOST, type HostPlan } from '../plan.ts';
import type { BackendUse } from './backend-table.ts';
import type { BackendLookup } from './destination.ts';
import { hostPlan, wildcardAbove, type HostTls, type OwnedRule } from './host.ts';

/** What is found of one host. */
interface HostPlans {
  readonly plans: readonly HostPlan[];
  readonly uses: readonly BackendUse[];
  readonly findings: readonly Finding[];
}

/** Rules that requests of an entrance fall to where a host has none for it. */
type RulesAbove = (entrance: Entrance) => readonly OwnedRule[];

/**
 * All routes of one host, by where requests come in. Where its routes over HTTP and over HTTPS are the same, one plan says it for both.
 * None where nothing is known of it but its name. Where it has routes over one of the two alone, over the other one it is as if nothing
 * were known of it: it has those of the hosts above it (`above`), which the engine no longer finds once it has found the host. Pure.
 */
export function hostPlans(
  host: Hostname | typeof ANY_HOST,
  rules: readonly OwnedRule[],
  above: RulesAbove,
  tls: HostTls,
  backends: BackendLookup,
): HostPlans {
  const shallow = plansAt(host, {}, rules, above, tls, backends);
  const deepRules = rules.filter(({ isDeep }) => isDeep);
  if (host === '*' || !isWildcard(host) || deepRules.length === 0) return shallow;
  // Its certificate and what is wrong with it have been said.
  const deep = plansAt(host, { isDeep: true }, deepRules, above, { ...tls, certificate: undefined }, backends);
  return { ...shallow, plans: [...shallow.plans, ...deep.plans] };
}

function plansAt(
  host: Hostname | typeof ANY_HOST,
  depth: Pick<HostPlan, 'isDeep'>,
  rules: readonly OwnedRule[],
  above: RulesAbove,
  tls: HostTls,
  backends: BackendLookup,
): HostPlans {
  if (rules.length === 0 && tls.certificate === undefined) return { plans: [], uses: [], findings: [] };
  const entrances = new Set(rules.map(({ entrance }) => entrance));
  const isSplit = entrances.has('http') || entrances.has('https');
  const ports = [...entrances].filter((entrance) => typeof entrance === 'number').sort((a, b) => a - b);
  const all: readonly Entrance[] = isSplit ? ['http', 'https', ...ports] : ['main', ...ports];
  const made = all
    .map((entrance) => {
      const own = rules.filter((rule) => isAt(rule, entrance));
      const isOwn = !isSplit || own.length > 0;
      return { entrance, isOwn, here: isOwn ? own : above(entrance) };
    })
    // Of a host without rules there is its certificate to say.
    .filter(({ here }) => here.length > 0 || rules.length === 0)
    .map(({ entrance, isOwn, here }) => {
      const found = hostPlan({ host, entrance, ...depth }, here, tls, backends);
      // Conflicts among routes of the host above are reported there.
      return isOwn ? found : { ...found, findings: [] };
    });
  const marker: HostPlan = { host, entrance: 'split', ...depth, routes: [], certificate: tls.certificate };
  return {
    plans: [...(isSplit ? [marker] : []), ...made.map(({ plan }) => plan)],
    uses: made.flatMap(({ uses }) => uses),
    findings: made.flatMap(({ findings }) => findings),
  };
}

function isAt(rule: OwnedRule, entrance: Entrance): boolean {
  return rule.entrance === entrance || (rule.entrance === 'main' && typeof entrance !== 'number');
}

/** The hosts to whose routes requests for a host fall that has none: the wildcards above it, nearest first, and any host. */
export function hostsAbove(host: Hostname | typeof ANY_HOST): readonly (Hostname | typeof ANY_HOST)[] {
  if (host === ANY_HOST) return [];
  const labels = host.replace(/^\*\./, '').split('.');
  const wildcards = labels.slice(1).flatMap((_, index) => hostnameOf(`*.${labels.slice(index + 1).join('.')}`) ?? []);
  return [...wildcards, ANY_HOST];
}

/** The rules for an entrance of the nearest of {@link hostsAbove} that has any; `rulesOf` has those of a host. */
export function rulesAbove(
  host: Hostname | typeof ANY_HOST,
  entrance: Entrance,
  rulesOf: (host: Hostname | typeof ANY_HOST) => readonly OwnedRule[],
): readonly OwnedRule[] {
  const next = host === ANY_HOST ? undefined : wildcardAbove(host);
  for (const above of hostsAbove(host)) {
    // Only deep rules are for more than one label.
    const isEveryDepth = above === ANY_HOST || above === next;
    const found = rulesOf(above).filter((rule) => isAt(rule, entrance) && (isEveryDepth || rule.isDeep));
    if (found.length > 0) return found;
  }
  return [];
}
