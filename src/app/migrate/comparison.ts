import { answerOf } from '../../compile/l7/answer/answer.ts';
import { outcomeOf, outcomeText } from '../../compile/l7/answer/outcome.ts';
import { probesFor } from '../../compile/l7/answer/probes.ts';
import type { RoutedRequest } from '../../compile/l7/answer/request.ts';
import { portText, type NginxAnswer, type NginxModel } from '../../compile/l7/nginx/answer.ts';
import type { L7Plan } from '../../compile/plan.ts';
import type { PersistentMap } from '../../lib/persistent-map.ts';
import type { Ingress } from '../../model/ingress.ts';
import type { Service } from '../../model/service.ts';

/** What ingress-nginx does, and what Sluice would do, with the same objects. */
export interface RuleSets {
  readonly nginx: NginxModel;
  /** Those that the model was made of. */
  readonly ingresses: readonly Ingress[];
  readonly services: PersistentMap<Service>;
  readonly plan: L7Plan;
}

/** A request, and what both do with it, in words. */
export interface Compared {
  readonly isSame: boolean;
  readonly old: string;
  readonly now: string;
  /** `namespace/name` of the Ingresses whose rules they follow. */
  readonly owners: readonly string[];
}

/** Requests that are answered otherwise, all in one way. */
export interface ChangedRequests {
  readonly host: string;
  /** One of them, or some: method, scheme, host, path. */
  readonly examples: readonly string[];
  readonly old: string;
  readonly now: string;
}

/** Compares what ingress-nginx does with what a plan of ours does. */
export class Comparison {
  readonly rules: RuleSets;
  readonly #targets: ReadonlyMap<string, string>;

  constructor(rules: RuleSets) {
    this.rules = rules;
    this.#targets = targetsOf(rules);
  }

  /** Whether a client and a backend would notice a difference: in who is asked, for which path, in the class of the status, in a Location. */
  compare(request: RoutedRequest, old: NginxAnswer): Compared {
    const { plan } = this.rules;
    const answer = answerOf(plan, request);
    const outcome = outcomeOf(answer, plan);
    const words = {
      old: this.#text(old, request.target),
      now: outcomeText({ ...outcome, filters: [] }, request.target),
      owners: [old.owner, answer.route.owner].filter((owner) => owner !== ''),
    };
    if (old.status === undefined) {
      const isSamePath = old.path === '' || old.path === outcome.path;
      return { ...words, isSame: outcome.target === this.#targets.get(old.upstream) && isSamePath };
    }
    const isSameClass = outcome.status !== undefined && classOf(outcome.status) === classOf(old.status);
    return { ...words, isSame: isSameClass && samePlace(absolute(outcome.path, request), old.path) };
  }

  #text({ upstream, status, path }: NginxAnswer, asked: string): string {
    if (status !== undefined) return path === '' ? String(status) : `${String(status)} to ${path}`;
    const target = this.#targets.get(upstream) ?? upstream;
    return path === asked || path === '' ? target : `${target} as ${path}`;
  }
}

function classOf(status: number): number {
  return Math.trunc(status / 100);
}

/** A Location may be a path, which is one of the same host. */
function absolute(location: string, { scheme, host }: RoutedRequest): string {
  return location.startsWith('/') ? `${scheme}://${host}${location}` : location;
}

/** One slash at the end of a Location leads to the same place, and so does a port that the scheme implies. */
function samePlace(a: string, b: string): boolean {
  const plain = (url: string): string =>
    url.replace(/^(https?:\/\/[^/]*?):(?:80|443)(?=\/|$)/, '$1').replace(/\/$/, '');
  return plain(a) === plain(b);
}

/** How many examples are kept of requests that are answered alike. */
const MAX_EXAMPLES = 3;

/** By Ingress, `namespace/name`, the requests for its hosts and paths that the plan answers otherwise than ingress-nginx did. */
export function changedRequests(rules: RuleSets): ReadonlyMap<string, readonly ChangedRequests[]> {
  const comparison = new Comparison(rules);
  const byOwner = new Map<string, Map<string, ChangedRequests>>();
  const plans = Map.groupBy(rules.plan.hosts.values(), ({ host }) => host);
  for (const [host, ofHost] of plans) {
    for (const probe of probesFor(ofHost)) {
      for (const scheme of ['http', 'https'] as const) {
        const request: RoutedRequest = { ...probe, scheme };
        const compared = comparison.compare(request, rules.nginx.answer(request));
        if (compared.isSame) continue;
        for (const owner of new Set(compared.owners)) collect(byOwner, owner, host, request, compared);
      }
    }
  }
  return new Map([...byOwner].map(([owner, found]) => [owner, [...found.values()]]));
}

function collect(
  byOwner: Map<string, Map<string, ChangedRequests>>,
  owner: string,
  host: string,
  { method, scheme, host: name, target }: RoutedRequest,
  { old, now }: Compared,
): void {
  const found = byOwner.get(owner) ?? new Map<string, ChangedRequests>();
  byOwner.set(owner, found);
  // What they differ in is the same, whatever path is asked for.
  const key = [host, old, now].map((text) => text.replace(/ (as|to) .*/, ' $1')).join('\n');
  const known = found.get(key) ?? { host, examples: [], old, now };
  const example = `${method} ${scheme}://${name}${target}`;
  const isFull =
    known.examples.length >= MAX_EXAMPLES || known.examples.some((text) => text.endsWith(`${name}${target}`));
  found.set(key, isFull ? known : { ...known, examples: [...known.examples, example] });
}

/** The names of upstreams, and what our plan calls the same port. */
function targetsOf({ ingresses, services }: RuleSets): ReadonlyMap<string, string> {
  const backends = ingresses.flatMap(({ meta, rules, defaultBackend }) =>
    [...rules.flatMap(({ paths }) => paths.map(({ backend }) => backend)), defaultBackend].flatMap((backend) =>
      backend === undefined ? [] : [{ ...backend, namespace: meta.namespace }],
    ),
  );
  return new Map(
    backends.map(({ namespace, service, port }) => {
      const declared = services
        .get(`${namespace}/${service}`)
        ?.ports.find((item) => ('name' in port ? item.name === port.name : item.port === port.number));
      // Both answer 503 for what is not there.
      const target = declared === undefined ? '' : `${namespace}/${service}:${String(declared.port)}`;
      return [`${namespace}-${service}-${portText(port)}`, target];
    }),
  );
}
