import { PersistentMap } from '../../../lib/persistent-map.ts';
import { finding, type Finding } from '../../../model/finding.ts';
import type { Hostname } from '../../../model/grammar.ts';
import { EVERY_PATH, NO_CONDITIONS } from '../../../model/http/match.ts';
import type {
  HttpRule,
  NginxPath,
  RouteSet,
  RuleTarget,
  SingleTarget,
  TlsClaim,
} from '../../../model/http/route-set.ts';
import type { Ingress, IngressBackend, IngressPolicy, ServicePortRef, WrittenPath } from '../../../model/ingress.ts';
import { selects } from '../../../model/label-selector.ts';
import type { Namespace } from '../../../model/namespace.ts';
import { keyOf, type ObjectRef } from '../../../model/object.ts';
import type { Service, ServicePort } from '../../../model/service.ts';
import type { Snapshot } from '../../../model/snapshot.ts';
import type { CompileSettings } from '../../settings.ts';
import { guardOf, type Guard } from './ingress-auth.ts';
import {
  besideCanaries,
  canaryLookup,
  withCanary,
  type Canary,
  type CanaryLookup,
  type CanaryTarget,
} from './ingress-canary.ts';
import { claimIngress } from './ingress-class.ts';
import { configOf, served, type ServedIngress } from './ingress-config.ts';
import { appRootRules, filtersOf, furtherRoutes, redirectOf } from './ingress-policy.ts';
import type { RouteProducer } from './producer.ts';

/** Ingress (networking.k8s.io/v1) and its older versions. */
export const ingressProducer: RouteProducer = {
  kind: 'Ingress',

  changed(before, after, { namespaceSelector }) {
    const changed = new Set<string>();
    PersistentMap.diff(before.ingresses, after.ingresses, (key) => changed.add(key));
    // A class decides over any number of Ingresses and changes about never: all are looked at again.
    // So are the labels of a namespace, where they decide anything.
    const isRelabelled = namespaceSelector !== undefined && before.namespaces !== after.namespaces;
    if (isRelabelled || before.ingressClasses !== after.ingressClasses)
      for (const key of after.ingresses.keys()) changed.add(key);
    for (const key of besideCanaries(before.ingresses, after.ingresses, changed)) changed.add(key);
    return changed;
  },

  produce(key, snapshot, settings) {
    const { ingresses, ingressClasses, namespaces } = snapshot;
    const ingress = ingresses.get(key);
    if (ingress === undefined) return undefined;
    if (!isSelected(ingress, namespaces, settings)) return { isOurs: false, findings: [] };
    const claim = claimIngress(ingress, ingressClasses, settings);
    if (!claim.isOurs) return { isOurs: false, findings: claim.finding === undefined ? [] : [claim.finding] };
    const isOurs = (other: Ingress): boolean => claimIngress(other, ingressClasses, settings).isOurs;
    const canaryOf = canaryLookup(ingresses, ingress.meta.namespace, settings.compat === 'strict-nginx', isOurs);
    return {
      isOurs: true,
      routeSet: routeSetOf(
        served(ingress, configOf(snapshot, settings), snapshot, settings),
        canaryOf,
        snapshot,
        settings,
      ),
    };
  },
};

/** A Namespace that is not known has no labels but its name. */
function isSelected(
  { meta: { namespace } }: Ingress,
  namespaces: PersistentMap<Namespace>,
  { namespaceSelector }: CompileSettings,
): boolean {
  const labels = namespaces.get(namespace)?.labels ?? { 'kubernetes.io/metadata.name': namespace };
  return namespaceSelector === undefined || selects(namespaceSelector, labels);
}

/**
 * Pure: reads only the Ingress, its canaries, the Services and Secrets that they name, and the settings.
 *
 * A path whose backend is broken still takes its requests and answers 503: were it left out, they
 * would fall to a less specific rule of somebody else.
 */
function routeSetOf(
  ingress: ServedIngress,
  canaryOf: CanaryLookup,
  snapshot: Snapshot,
  settings: CompileSettings,
): RouteSet {
  const { services } = snapshot;
  const guard = guardOf(ingress, snapshot);
  const ref: ObjectRef = { kind: 'Ingress', namespace: ingress.meta.namespace, name: ingress.meta.name };
  const findings: Finding[] = [...ingress.findings, ...guard.findings];
  const named = new Set<string>(guard.services);
  const target = (backend: IngressBackend | undefined, field: string): SingleTarget => {
    if (backend === undefined) return { kind: 'unavailable', reason: 'backend-invalid' };
    named.add(keyOf({ namespace: ref.namespace, name: backend.service }));
    const resolved = resolveBackend(backend, ref, field, snapshot.services);
    if (resolved.finding !== undefined) findings.push(resolved.finding);
    return closedTarget(ingress, guard) ?? resolved.target;
  };
  const byHost = new Map<Hostname | undefined, HttpRule[]>();
  // A canary has no routes of its own, but its Services are looked at.
  if (ingress.policy.isCanary)
    for (const { paths } of ingress.rules)
      for (const { field, backend } of paths) target(backend, `${field}.backend.service`);
  const { isCanary } = ingress.policy;
  for (const rule of isCanary ? [] : ingress.rules) {
    const rules = byHost.get(rule.host) ?? [...appRootRules(ingress.policy)];
    byHost.set(rule.host, rules);
    for (const path of rule.paths) {
      const { field, match, written, backend } = path;
      const context = { owner: keyOf(ref), path: written?.path ?? match.value, guards: guard.filters };
      const filters = filtersOf(ingress.policy, match, settings, context);
      const main = target(backend, `${field}.backend.service`);
      const canary = canaryTarget(canaryOf(rule.host, path), ref, services, named);
      rules.push({
        match,
        conditions: NO_CONDITIONS,
        filters,
        field,
        ...(canary === undefined ? { target: main } : withCanary(main, canary, filters)),
        precedence: 'rule',
        nginx: written === undefined ? undefined : { ...written, ...nginxReading(ingress.policy) },
      });
    }
    // Whoever redirects all requests needs no backend for them.
    if (rule.paths.length === 0 && redirectOf(ingress.policy) !== undefined)
      rules.push(fallbackRule(ingress, guard, 'spec.rules', { kind: 'none' }, settings));
  }
  if (ingress.defaultBackend !== undefined && !isCanary) {
    const field = 'spec.defaultBackend';
    const fallback = fallbackRule(ingress, guard, field, target(ingress.defaultBackend, `${field}.service`), settings);
    for (const rules of byHost.values()) rules.push(fallback);
    byHost.set(undefined, byHost.get(undefined) ?? [fallback]);
  }
  const own = [...byHost].map(([host, rules]) => ({ host, entrance: 'main' as const, rules }));
  if (!isCanary && own.every(({ rules }) => rules.length === 0))
    findings.push(finding('IngressEmpty', ref, 'spec', 'no path is left to serve, and there is no default backend'));
  return {
    ref,
    meta: ingress.meta,
    routes: [...own, ...furtherRoutes(ingress.policy, own)],
    tls: tlsClaims(ingress),
    secrets: guard.secrets,
    configMaps: ingress.configMaps,
    waitsForSecrets: true,
    services: [...named].sort(),
    findings,
  };
}

function nginxReading({ usesRegex, rewriteTarget }: IngressPolicy): Omit<NginxPath, keyof WrittenPath> {
  return { usesRegex, rewriteTarget: rewriteTarget ?? '' };
}

/** Of the paths that the rules leave open. */
function fallbackRule(
  ingress: ServedIngress,
  guard: Guard,
  field: string,
  target: RuleTarget,
  settings: CompileSettings,
): HttpRule {
  return {
    match: EVERY_PATH,
    conditions: NO_CONDITIONS,
    filters: filtersOf(ingress.policy, EVERY_PATH, settings, {
      owner: keyOf(ingress.meta),
      path: '/',
      guards: guard.filters,
    }),
    field,
    target: closedTarget(ingress, guard) ?? target,
    precedence: 'fallback',
  };
}

/** Of what would let somebody in who is to be kept out. */
function closedTarget({ policy }: Ingress, { isClosed }: Guard): SingleTarget | undefined {
  if (policy.isClosed) return { kind: 'unavailable', reason: 'restriction-unsupported' };
  return isClosed ? { kind: 'unavailable', reason: 'restriction-broken' } : undefined;
}
/** A canary whose Service cannot be had gets nothing: its requests stay with the main Ingress, as in ingress-nginx. */
function canaryTarget(
  canary: Canary | undefined,
  ref: ObjectRef,
  services: PersistentMap<Service>,
  named: Set<string>,
): CanaryTarget | undefined {
  if (canary === undefined) return undefined;
  named.add(keyOf({ namespace: ref.namespace, name: canary.backend.service }));
  // What is wrong with its Service is reported of the canary itself.
  const { target } = resolveBackend(canary.backend, ref, '', services);
  return target.kind === 'forward' ? { target, policy: canary.policy } : undefined;
}

function tlsClaims(ingress: Ingress): readonly TlsClaim[] {
  const ruleHosts = [...new Set(ingress.rules.flatMap((rule) => (rule.host === undefined ? [] : [rule.host])))];
  return ingress.tls.flatMap((entry) => {
    const hosts = entry.hosts.length > 0 ? entry.hosts : ruleHosts;
    const secret =
      entry.secretName === undefined ? undefined : keyOf({ namespace: ingress.meta.namespace, name: entry.secretName });
    return hosts.map((host) => ({ host, secret, field: entry.field, secretField: `${entry.field}.secretName` }));
  });
}

interface Resolved {
  readonly target: SingleTarget;
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
      finding: finding('ServicePortNotFound', ref, `${field}.port`, message, numberRemedy(backend.port)),
    };
  }
  if (port.protocol !== 'TCP') {
    const message = `port ${String(port.port)} of Service ${key} is ${port.protocol}`;
    return {
      target: { kind: 'unavailable', reason: 'port-missing' },
      finding: finding('ServicePortUnusable', ref, `${field}.port`, message),
    };
  }
  const forward: SingleTarget = {
    kind: 'forward',
    backend: { namespace: ref.namespace, service: backend.service, port: port.port },
  };
  return { target: forward, finding: undefined };
}

/** A number in quotation marks, under `name`, is a name. */
function numberRemedy(wanted: ServicePortRef): string | undefined {
  return 'name' in wanted && /^\d+$/.test(wanted.name) ? `Write port: { number: ${wanted.name} }.` : undefined;
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
