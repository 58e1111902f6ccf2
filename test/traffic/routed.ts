import { invariant } from '../../src/lib/invariant.ts';
import { PersistentMap } from '../../src/lib/persistent-map.ts';
import { backendId, protocolOf, tlsOf } from '../../src/compile/l7/backend.ts';
import type { BackendUse } from '../../src/compile/l7/backend-table.ts';
import { hostPlan } from '../../src/compile/l7/host.ts';
import type { BackendPlan, L7Plan } from '../../src/compile/plan.ts';
import { hostnameOf, ipAddressOf, urlPathOf, type Hostname, type UrlPath } from '../../src/model/grammar.ts';
import type { EndpointConnection } from '../../src/model/http/endpoint-connection.ts';
import type { HttpFilter } from '../../src/model/http/filter.ts';
import { headerNameOf, headerValueOf, type HeaderField, type HeaderName } from '../../src/model/http/header.ts';
import { EVERY_PATH, NO_CONDITIONS, type Conditions, type PathMatch } from '../../src/model/http/match.ts';
import { replacementOf, type Replacement } from '../../src/model/http/path-rewrite.ts';
import type { HttpRule, RouteSet, RuleTarget, SingleTarget } from '../../src/model/http/route-set.ts';
import type { PasswordFile } from '../../src/model/password-file.ts';
import { pathRegexOf, type PathRegex } from '../../src/model/path-regex.ts';

function known<T>(value: T | undefined): T {
  invariant(value !== undefined, 'the test wrote something that is in the grammar');
  return value;
}

export const path = (text: string): UrlPath => known(urlPathOf(text));
export const host = (text: string): Hostname => known(hostnameOf(text));
export const headerName = (text: string): HeaderName => known(headerNameOf(text));
export const replacement = (text: string): Replacement => known(replacementOf(text));

export function header(name: string, value: string): HeaderField {
  return { name: headerName(name), value: known(headerValueOf(value)) };
}

export function regex(text: string): PathRegex {
  const found = pathRegexOf(text);
  invariant('regex' in found, 'the test wrote an expression');
  return found.regex;
}

export const exact = (text: string): PathMatch => ({ type: 'Exact', value: path(text) });
export const prefix = (text: string): PathMatch => ({ type: 'PathPrefix', value: path(text) });
export const expression = (text: string): PathMatch => ({ type: 'RegularExpression', value: regex(text) });

export function to(service: string, connection?: EndpointConnection): SingleTarget {
  return { kind: 'forward', backend: { namespace: 'shop', service, port: 80 }, connection };
}

/** A rule in which only what matters is said. */
export interface RuleText {
  readonly match?: PathMatch;
  readonly conditions?: Partial<Conditions>;
  readonly filters?: readonly HttpFilter[];
  readonly target?: RuleTarget;
}

/** A plan in which one object has these rules for a host, and every Service has servers on loopback, at the ports that are given for it. */
export function routed(
  name: string,
  rules: readonly RuleText[],
  ports: ReadonlyMap<string, number | readonly number[]>,
): L7Plan {
  const complete = rules.map((rule, index): HttpRule => ({
    match: rule.match ?? EVERY_PATH,
    conditions: { ...NO_CONDITIONS, ...rule.conditions },
    filters: rule.filters ?? [],
    target: rule.target ?? to('web'),
    field: `spec.rules[${String(index)}]`,
    precedence: 'rule',
  }));
  const owner = ownerOf(host(name), complete);
  const tls = { securedBy: new Set<string>(), certificate: undefined };
  const { plan, uses } = hostPlan(
    { host: host(name), entrance: 'main' },
    complete.map((rule) => ({ owner, entrance: 'main', isDeep: false, rule })),
    tls,
    ({ namespace, service, port }, backendClass, connection) =>
      backendId(namespace, service, port, protocolOf(undefined, connection), backendClass, connection),
  );
  const backends = uses.map((use) => backendOf(use, known(ports.get(use.backend.service))));
  return {
    hosts: PersistentMap.from([[name, plan]]),
    backends: PersistentMap.from(backends.map((backend): [string, BackendPlan] => [backend.id, backend])),
    authorities: PersistentMap.from(
      backends.flatMap(({ tls: { signedBy } = {} }) =>
        typeof signedBy === 'object' ? [[signedBy.fingerprint, signedBy]] : [],
      ),
    ),
    clientCertificates: PersistentMap.from(
      backends.flatMap(({ tls: { clientCertificate } = {} }) =>
        clientCertificate === undefined ? [] : [[clientCertificate.fingerprint, clientCertificate]],
      ),
    ),
    certificates: PersistentMap.empty(),
    passwords: passwordsOf(rules),
    defaultCertificate: undefined,
    reserve: 0,
    tlsListeners: PersistentMap.empty(),
    engine: {},
  };
}

function passwordsOf(rules: readonly RuleText[]): L7Plan['passwords'] {
  const files = rules.flatMap(({ filters = [] }) =>
    filters.flatMap((filter) => (filter.type === 'BasicAuth' ? [filter.passwords] : [])),
  );
  return PersistentMap.from(files.map((file): [string, PasswordFile] => [file.id, file]));
}

function ownerOf(name: Hostname, rules: readonly HttpRule[]): RouteSet {
  const ref = { kind: 'Ingress', namespace: 'shop', name: 'routes' } as const;
  const meta = { namespace: 'shop', name: 'routes', uid: '', createdMs: 0 };
  return {
    ref,
    meta,
    routes: [{ host: name, entrance: 'main', rules }],
    tls: [],
    secrets: [],
    configMaps: [],
    waitsForSecrets: false,
    services: [],
    findings: [],
  };
}

function backendOf(
  { backend, class: backendClass, connection }: BackendUse,
  ports: number | readonly number[],
): BackendPlan {
  const { namespace, service } = backend;
  const address = known(ipAddressOf('127.0.0.1'));
  const protocol = protocolOf(undefined, connection);
  return {
    ...backend,
    id: backendId(namespace, service, 80, protocol, backendClass, connection),
    class: backendClass,
    protocol,
    tls: tlsOf(connection),
    servers: [ports].flat().map((port) => ({ address, port, state: 'ready' })),
  };
}
