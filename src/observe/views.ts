import { byObject, type Finding } from '../model/finding.ts';
import { keyOf } from '../model/object.ts';
import { HOST_PREFIX, type BackendPlan, type Plan, type RoutePlan } from '../compile/plan.ts';

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
      const backend = route.action.kind === 'forward' ? plan.l7.backends.get(route.action.backend) : undefined;
      return {
        host: host.host,
        match: route.match.type,
        path: route.match.value,
        target:
          route.action.kind === 'refuse' ? `${String(route.action.status)} ${route.action.reason}` : targetOf(backend),
        readyEndpoints: backend === undefined ? 0 : backend.servers.filter(({ state }) => state === 'ready').length,
        tls: host.certificate !== undefined,
        redirectsToHttps: route.filters.some((filter) => filter.type === 'HttpsRedirect'),
        owner: route.owner,
      };
    }),
  );
}

function targetOf(backend: BackendPlan | undefined): string {
  return backend === undefined ? '' : `${backend.namespace}/${backend.service}:${String(backend.port)}`;
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

/** All Findings of a plan, and those about what engines refuse of it, in one order. What several hosts of one TLS entry say alike is said once. */
export function findingsOf(plan: Plan, refused: readonly Finding[] = []): readonly Finding[] {
  const found: Finding[] = [...refused];
  const ofHosts = new Map<string, Finding>();
  for (const [producer, findings] of plan.findings.entries()) {
    if (!producer.startsWith(HOST_PREFIX)) found.push(...findings);
    else for (const item of findings) ofHosts.set(JSON.stringify(item), item);
  }
  return [...found, ...ofHosts.values()].sort(byObject);
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
