import type { Finding } from '../../model/finding.ts';
import { isWildcard, type Hostname } from '../../model/grammar.ts';
import type { Entrance } from '../../model/http/route-set.ts';
import type { ANY_HOST, HostPlan } from '../plan.ts';
import type { BackendUse } from './backend-table.ts';
import type { BackendLookup } from './destination.ts';
import { hostPlan, type HostTls, type OwnedRule } from './host.ts';

/** What is found of one host. */
interface HostPlans {
  readonly plans: readonly HostPlan[];
  readonly uses: readonly BackendUse[];
  readonly findings: readonly Finding[];
}

/**
 * All routes of one host, by where requests come in. Where its routes over HTTP and over HTTPS are the same, one plan says it for both.
 * None where nothing is known of it but its name. Pure.
 */
export function hostPlans(
  host: Hostname | typeof ANY_HOST,
  rules: readonly OwnedRule[],
  tls: HostTls,
  backends: BackendLookup,
): HostPlans {
  const shallow = plansAt(host, {}, rules, tls, backends);
  const deepRules = rules.filter(({ isDeep }) => isDeep);
  if (host === '*' || !isWildcard(host) || deepRules.length === 0) return shallow;
  // Its certificate and what is wrong with it have been said.
  const deep = plansAt(host, { isDeep: true }, deepRules, { ...tls, certificate: undefined }, backends);
  return { ...shallow, plans: [...shallow.plans, ...deep.plans] };
}

function plansAt(
  host: Hostname | typeof ANY_HOST,
  depth: Pick<HostPlan, 'isDeep'>,
  rules: readonly OwnedRule[],
  tls: HostTls,
  backends: BackendLookup,
): HostPlans {
  if (rules.length === 0 && tls.certificate === undefined) return { plans: [], uses: [], findings: [] };
  const entrances = new Set(rules.map(({ entrance }) => entrance));
  const isSplit = entrances.has('http') || entrances.has('https');
  const ports = [...entrances].filter((entrance) => typeof entrance === 'number').sort((a, b) => a - b);
  const all: readonly Entrance[] = isSplit ? ['http', 'https', ...ports] : ['main', ...ports];
  const made = all
    .map((entrance) => ({ entrance, here: rules.filter((rule) => isAt(rule, entrance)) }))
    // Of a host without rules there is its certificate to say.
    .filter(({ here }) => here.length > 0 || rules.length === 0)
    .map(({ entrance, here }) => hostPlan({ host, entrance, ...depth }, here, tls, backends));
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
