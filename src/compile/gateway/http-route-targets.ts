import type { HTTPRoute, HttpRouteKind, RouteBackend, RouteRule } from '../../model/gateway/http-route.ts';
import type { BackendRef } from '../../model/http/backend-ref.ts';
import type { RuleTarget, Share, SingleTarget } from '../../model/http/route-set.ts';
import { keyOf } from '../../model/object.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { resolveBackendReference } from './backend-reference.ts';
import { backendTlsVerdict, policyInForce } from './backend-tls.ts';
import { yes, type Verdict } from './condition.ts';

/** What the rules of a route lead to, and what of them is not served. */
export interface RouteTargets {
  /** One a rule. */
  readonly targets: readonly RuleTarget[];
  /** The condition ResolvedRefs. */
  readonly resolved: Verdict;
  /** What is wrong with the policies of its backends, of which their own status says so. */
  readonly tlsMistakes: readonly string[];
  /** The condition PartiallyInvalid; undefined where everything is served as it is written. */
  readonly partlyInvalid: Verdict | undefined;
}

type Services = Pick<
  Snapshot,
  'services' | 'referenceGrants' | 'backendTlsPolicies' | 'configMaps' | 'unread' | 'complete'
>;

/** Resolves the backends of all rules. */
export function targetsOf(route: HTTPRoute, snapshot: Services): RouteTargets {
  const mistakes: Verdict[] = [];
  const tlsMistakes = new Set<string>();
  const targets = route.rules.map((rule) => targetOf(rule, route, snapshot, mistakes, tlsMistakes));
  const unsupported = route.rules.flatMap(unsupportedIn);
  return {
    targets,
    tlsMistakes: [...tlsMistakes],
    resolved: mistakes[0] ?? yes('ResolvedRefs'),
    partlyInvalid:
      unsupported.length === 0
        ? undefined
        : { isTrue: true, reason: 'UnsupportedValue', message: `Dropped Rule: not served: ${unsupported.join(', ')}` },
  };
}

/** Fields of a rule that ask for something which is not served. */
function unsupportedIn({ backends, unsupported }: RouteRule): readonly string[] {
  return [...unsupported, ...backends.flatMap((backend) => backend.unsupported)];
}

/** What is asked for and not served is not left out: whoever wrote it might be safe by it alone. */
function targetOf(
  rule: RouteRule,
  route: HTTPRoute,
  snapshot: Services,
  mistakes: Verdict[],
  tlsMistakes: Set<string>,
): RuleTarget {
  const from = { kind: route.kind, namespace: route.meta.namespace };
  const { closed, notServed } = REFUSALS[route.kind];
  const shares = rule.backends.map((backend): Share => {
    const found = resolveBackendReference(backend, from, snapshot);
    if (found.kind === 'unresolved') mistakes.push(found.verdict);
    const isServed = found.kind === 'service' && backend.unsupported.length === 0;
    return {
      weight: backend.weight,
      filters: backend.filters,
      target: isServed
        ? connected(found.backend, route, snapshot, tlsMistakes)
        : backend.unsupported.length > 0
          ? closed
          : notServed,
    };
  });
  if (rule.unsupported.length > 0) return closed;
  if (rule.filters.some(({ type }) => type === 'RequestRedirect')) return { kind: 'none' };
  const [only, ...others] = shares.filter(({ weight }) => weight > 0);
  if (only === undefined) return notServed;
  return others.length === 0 && only.filters.length === 0 ? only.target : { kind: 'split', shares };
}

/** A backend, spoken to as the policy for it says; refused where that cannot be had. */
function connected(
  backend: BackendRef,
  { kind }: HTTPRoute,
  snapshot: Services,
  tlsMistakes: Set<string>,
): SingleTarget {
  // gRPC is HTTP/2, whether the Service port says so or not.
  const version = kind === 'GRPCRoute' ? 'h2' : undefined;
  const service = keyOf({ namespace: backend.namespace, name: backend.service });
  const port = snapshot.services.get(service)?.ports.find((item) => item.port === backend.port);
  const policy = policyInForce(service, port, snapshot.backendTlsPolicies);
  if (policy === undefined)
    return { kind: 'forward', backend, ...(version === undefined ? {} : { connection: { version, tls: undefined } }) };
  const { accepted, resolved, tls, isPending } = backendTlsVerdict(policy, snapshot);
  const wrong = isPending ? undefined : [accepted, resolved].find(({ isTrue }) => !isTrue);
  if (wrong !== undefined) tlsMistakes.add(`BackendTLSPolicy ${keyOf(policy.meta)}: ${wrong.reason}: ${wrong.message}`);
  return tls === undefined ? REFUSALS[kind].notServed : { kind: 'forward', backend, connection: { version, tls } };
}

interface Refusals {
  readonly notServed: SingleTarget;
  /** The same for what might keep somebody out: not even a redirect of the rule tells whoever asks where to go. */
  readonly closed: SingleTarget;
}

/**
 * Gateway API asks for 500 (HTTPRouteRule.backendRefs), and for UNAVAILABLE of gRPC (GRPCRouteRule.backendRefs), which clients make of 503
 * (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
 */
const REFUSALS: Readonly<Record<HttpRouteKind, Refusals>> = {
  HTTPRoute: {
    notServed: { kind: 'unavailable', reason: 'backend-invalid', status: 500 },
    closed: { kind: 'unavailable', reason: 'restriction-unsupported', status: 500 },
  },
  GRPCRoute: {
    notServed: { kind: 'unavailable', reason: 'backend-invalid' },
    closed: { kind: 'unavailable', reason: 'restriction-unsupported' },
  },
};

/** The target of whatever might be meant to keep somebody out, and cannot be read. */
export function closedTarget({ kind }: HTTPRoute): SingleTarget {
  return REFUSALS[kind].closed;
}

/** Every Service that a route names. */
export function backendsOf(route: HTTPRoute): readonly RouteBackend[] {
  return route.rules.flatMap(({ backends }) => backends);
}
