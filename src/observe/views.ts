import { byObject, type Finding } from '../model/finding.ts';
import { keyOf } from '../model/object.ts';
import {
  BACKEND_PREFIX,
  HOST_PREFIX,
  type BackendPlan,
  type Plan,
  type RouteAction,
  type RoutePlan,
} from '../compile/plan.ts';

/** What `sluice get` and the API show, in rows with one order. Nothing here holds key material. */
export interface RouteRow {
  readonly host: string;
  readonly match: RoutePlan['match']['type'];
  readonly path: string;
  /** `namespace/service:port`, or the status and reason of a refusal. */
  readonly target: string;
  readonly readyEndpoints: number;
  readonly tls: boolean;
  readonly redirectsToHttps: boolean;
  /** `namespace/name` of the Ingress; empty where no object made the route. */
  readonly owner: string;
}

export interface CertificateRow {
  readonly secret: string;
  readonly hosts: readonly string[];
  readonly dnsNames: readonly string[];
  /** RFC 3339. */
  readonly notAfter: string;
  readonly fingerprint: string;
}

export interface FindingRow {
  readonly severity: string;
  readonly code: string;
  readonly reason: string;
  readonly kind: string;
  /** `namespace/name`. */
  readonly object: string;
  readonly field: string;
  readonly message: string;
  readonly remedy: string;
}

export function routeRows(plan: Plan): readonly RouteRow[] {
  return plan.l7.hosts.sorted().flatMap(([, host]) =>
    host.routes.map((route) => {
      const backends = backendsOf(route.action, plan);
      return {
        host: host.host,
        match: route.match.type,
        path: route.match.value,
        target: targetOf(route.action, plan),
        readyEndpoints: backends.flatMap(({ servers }) => servers.filter(({ state }) => state === 'ready')).length,
        tls: host.certificate !== undefined,
        redirectsToHttps: route.filters.some((filter) => filter.type === 'HttpsRedirect'),
        owner: route.owner,
      };
    }),
  );
}

function backendsOf(action: RouteAction, plan: Plan): readonly BackendPlan[] {
  if (action.kind === 'split') return action.shares.flatMap((share) => backendsOf(share.action, plan));
  const backend = action.kind === 'forward' ? plan.l7.backends.get(action.backend) : undefined;
  return backend === undefined ? [] : [backend];
}

function targetOf(action: RouteAction, plan: Plan): string {
  switch (action.kind) {
    case 'refuse':
      return `${String(action.status)} ${action.reason}`;
    case 'redirect':
      return 'redirect';
    case 'split':
      return action.shares
        .map(({ weight, ...share }) => `${targetOf(share.action, plan)} (${String(weight)})`)
        .join(', ');
    case 'forward': {
      const backend = plan.l7.backends.get(action.backend);
      return backend === undefined ? '' : `${backend.namespace}/${backend.service}:${String(backend.port)}`;
    }
  }
}

export function certificateRows(plan: Plan): readonly CertificateRow[] {
  return plan.l7.certificates.sorted().map(([id, { certificate, serverNames }]) => ({
    secret: id.replace('_', '/'),
    hosts: serverNames,
    dnsNames: certificate.dnsNames,
    notAfter: new Date(certificate.notAfterMs).toISOString(),
    fingerprint: certificate.fingerprint,
  }));
}

/**
 * All Findings of a plan, and those about what engines refuse of it, in one order. What several hosts of one TLS entry, or classes of one
 * backend, say alike is said once.
 */
export function findingsOf(plan: Plan, refused: readonly Finding[] = []): readonly Finding[] {
  const found: Finding[] = [...refused];
  const alike = new Map<string, Finding>();
  for (const [producer, findings] of plan.findings.entries()) {
    if (!producer.startsWith(HOST_PREFIX) && !producer.startsWith(BACKEND_PREFIX)) found.push(...findings);
    else for (const item of findings) alike.set(JSON.stringify(item), item);
  }
  return [...found, ...alike.values()].sort(byObject);
}

export function findingRows(findings: readonly Finding[]): readonly FindingRow[] {
  return findings.map(({ severity, code, reason, object, field, message, remedy }) => ({
    severity,
    code,
    reason,
    kind: object.kind,
    object: keyOf(object),
    field,
    message,
    remedy,
  }));
}
