import type { PersistentMap } from '../../lib/persistent-map.ts';
import { finding, type Finding } from '../../model/finding.ts';
import type { Hostname } from '../../model/grammar.ts';
import { urlPathOf } from '../../model/grammar.ts';
import type { HttpFilter, HttpRoute, HttpRule, PathMatch, RuleTarget } from '../../model/http-route.ts';
import type { Ingress, IngressBackend, ServicePortRef } from '../../model/ingress.ts';
import { keyOf, type ObjectRef } from '../../model/object.ts';
import type { Service, ServicePort } from '../../model/service.ts';
import { invariant } from '../../lib/invariant.ts';
import type { CompileSettings } from '../settings.ts';

/** An Ingress in the vocabulary of Gateway API, with the Services it reads. */
export interface IngressProgram {
  readonly ingress: Ingress;
  readonly ref: ObjectRef;
  /** At most one per host. */
  readonly routes: readonly HttpRoute[];
  readonly tls: readonly TlsClaim[];
  /** `namespace/name` of every Service named, whether it exists or not. */
  readonly services: readonly string[];
  readonly findings: readonly Finding[];
}

/** That an Ingress wants TLS for a host. */
export interface TlsClaim {
  readonly host: Hostname;
  /** `namespace/name`; undefined: the default certificate. */
  readonly secret: string | undefined;
  readonly field: string;
}

const REDIRECT_TO_HTTPS: readonly HttpFilter[] = [{ type: 'RequestRedirect', scheme: 'https', statusCode: 308 }];

/**
 * Decodes an Ingress into routes. Pure: reads only the Ingress, the Services it names and the settings.
 *
 * A path whose backend is broken still takes its requests and answers 503: were it left out, they
 * would fall to a less specific rule of somebody else.
 */
export function programOfIngress(
  ingress: Ingress,
  services: PersistentMap<Service>,
  settings: CompileSettings,
): IngressProgram {
  const ref: ObjectRef = { kind: 'Ingress', namespace: ingress.meta.namespace, name: ingress.meta.name };
  const findings: Finding[] = [];
  const named = new Set<string>();
  const target = (backend: IngressBackend | undefined, field: string): RuleTarget => {
    if (backend === undefined) return { kind: 'unavailable', reason: 'backend-invalid' };
    named.add(keyOf({ namespace: ref.namespace, name: backend.service }));
    const resolved = resolveBackend(backend, ref, field, services);
    if (resolved.finding !== undefined) findings.push(resolved.finding);
    return resolved.target;
  };
  // Which hosts really have TLS is known only when all Ingresses of the host are merged (host.ts): the filter
  // stands on every rule that does not opt out and is dropped there for hosts without TLS.
  const filters = (ingress.sslRedirect ?? settings.sslRedirect) ? REDIRECT_TO_HTTPS : [];
  const byHost = new Map<Hostname | undefined, HttpRule[]>();
  for (const rule of ingress.rules) {
    const rules = byHost.get(rule.host) ?? [];
    byHost.set(rule.host, rules);
    for (const path of rule.paths) {
      const { field, match } = path;
      rules.push({
        match,
        filters,
        field,
        target: target(path.backend, `${field}.backend.service`),
        isFallback: false,
      });
    }
  }
  if (ingress.defaultBackend !== undefined) {
    const field = 'spec.defaultBackend';
    const fallback: HttpRule = {
      match: EVERY_PATH,
      filters,
      field,
      target: target(ingress.defaultBackend, `${field}.service`),
      isFallback: true,
    };
    for (const rules of byHost.values()) rules.push(fallback);
    byHost.set(undefined, byHost.get(undefined) ?? [fallback]);
  }
  const routes = [...byHost].map(([host, rules]) => ({ owner: ref, ownerMeta: ingress.meta, host, rules }));
  return { ingress, ref, routes, tls: tlsClaims(ingress), services: [...named].sort(), findings };
}

/** Matches every path. */
export const EVERY_PATH: PathMatch = { type: 'PathPrefix', value: rootPath() };

function rootPath(): NonNullable<ReturnType<typeof urlPathOf>> {
  const root = urlPathOf('/');
  invariant(root !== undefined, '"/" is a path');
  return root;
}

function tlsClaims(ingress: Ingress): readonly TlsClaim[] {
  const ruleHosts = [...new Set(ingress.rules.flatMap((rule) => (rule.host === undefined ? [] : [rule.host])))];
  return ingress.tls.flatMap((entry) => {
    const hosts = entry.hosts.length > 0 ? entry.hosts : ruleHosts;
    const secret =
      entry.secretName === undefined ? undefined : keyOf({ namespace: ingress.meta.namespace, name: entry.secretName });
    return hosts.map((host) => ({ host, secret, field: entry.field }));
  });
}

interface Resolved {
  readonly target: RuleTarget;
  readonly finding: Finding | undefined;
}

function resolveBackend(
  backend: IngressBackend,
  ref: ObjectRef,
  field: string,
  services: PersistentMap<Service>,
): Resolved {
  const key = keyOf({ namespace: ref.namespace, name: backend.service });
  const service = services.get(key);
  if (service === undefined) {
    const message = `Service ${key} does not exist`;
    return {
      target: { kind: 'unavailable', reason: 'service-missing' },
      finding: finding('ServiceNotFound', ref, `${field}.name`, message),
    };
  }
  const port = findPort(service, backend.port);
  if (port === undefined) {
    const wanted = 'name' in backend.port ? `named "${backend.port.name}"` : String(backend.port.number);
    const message = `Service ${key} has no port ${wanted}; it has ${describePorts(service)}`;
    return {
      target: { kind: 'unavailable', reason: 'port-missing' },
      finding: finding('ServicePortNotFound', ref, `${field}.port`, message),
    };
  }
  if (port.protocol !== 'TCP') {
    const message = `port ${String(port.port)} of Service ${key} is ${port.protocol}`;
    return {
      target: { kind: 'unavailable', reason: 'port-missing' },
      finding: finding('ServicePortUnusable', ref, `${field}.port`, message),
    };
  }
  const forward: RuleTarget = {
    kind: 'forward',
    backend: { namespace: ref.namespace, service: backend.service, port: port.port },
  };
  return { target: forward, finding: undefined };
}

/** TCP wins where a Service has one number for two protocols, as DNS and HTTP/3 Services do. */
function findPort(service: Service, wanted: ServicePortRef): ServicePort | undefined {
  const candidates = service.ports.filter((port) =>
    'name' in wanted ? port.name === wanted.name : port.port === wanted.number,
  );
  return candidates.find((port) => port.protocol === 'TCP') ?? candidates[0] ?? externalPort(service, wanted);
}

/** An ExternalName Service needs no ports (core/v1 ServiceSpec): the number in the route is the port to connect to. */
function externalPort(service: Service, wanted: ServicePortRef): ServicePort | undefined {
  if (service.type !== 'ExternalName' || service.ports.length > 0 || 'name' in wanted) return undefined;
  return {
    name: '',
    port: wanted.number,
    protocol: 'TCP',
    targetPort: undefined,
    appProtocol: undefined,
    nodePort: undefined,
  };
}

function describePorts(service: Service): string {
  if (service.ports.length === 0) return 'none';
  return service.ports
    .map((port) => (port.name === '' ? String(port.port) : `${String(port.port)} (${port.name})`))
    .join(', ');
}
