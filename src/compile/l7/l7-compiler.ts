import { PersistentMap } from '../../lib/persistent-map.ts';
import { invariant } from '../../lib/invariant.ts';
import { finding, type Finding } from '../../model/finding.ts';
import { hostCovers, hostnameOf, isWildcard, type Hostname } from '../../model/grammar.ts';
import { NO_ENGINE_CONFIG, type EngineConfig } from '../../model/http/engine-config.ts';
import type { Entrance, RouteSet, TlsClaim } from '../../model/http/route-set.ts';
import { byAge, idOf, nameOf, objectAt, type ObjectRef } from '../../model/object.ts';
import { certificateOf } from '../../model/snapshot.ts';
import type { Purpose, Want, Wants } from '../../model/want.ts';
import { DependencyIndex } from '../dependency-index.ts';
import {
  ANY_HOST,
  HOST_PREFIX,
  hostKey,
  listenerKey,
  type CertificateId,
  type HostPlan,
  type L7Plan,
  type TlsListener,
} from '../plan.ts';
import { neededReserve } from '../gateway/gateway-services.ts';
import type { CompileSettings } from '../settings.ts';
import { BackendTable } from './backend-table.ts';
import { backendId, portOf, protocolOf } from './backend.ts';
import { CertificateTable } from './certificate-table.ts';
import { certificateFor, certificateId, defaultCertificateFindings, isSameCertificate } from './certificate.ts';
import { hostPlans, hostsAbove, rulesAbove } from './entrances.ts';
import { wildcardAbove, type HostTls, type OwnedRule } from './host.ts';
import type { L7Input } from './l7-input.ts';
import { readNginxConfig } from './nginx/config/read.ts';
import { nginxRules } from './nginx/rules.ts';
import { PasswordTable } from './password-table.ts';
import { ValidityTable } from './validity.ts';

/** The plan, and the findings of every producer that was computed again (an empty list clears them). */
export interface L7Output {
  readonly plan: L7Plan;
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
  readonly wants: Wants;
}

type HostKey = Hostname | typeof ANY_HOST;

/**
 * The incremental part of L7: keeps which RouteSet stands on which host, which host uses which
 * Service port, which certificate serves which host, and computes again what a change reaches.
 */
export class L7Compiler {
  readonly #settings: CompileSettings;
  /** RouteSet -> hosts that it routes or claims TLS for. */
  readonly #hostsOfRouteSet = new DependencyIndex();
  /** RouteSet -> Secrets that it names. */
  readonly #secretsOfRouteSet = new DependencyIndex();
  /** RouteSet -> ConfigMaps that it names. */
  readonly #configMapsOfRouteSet = new DependencyIndex();
  /** Those that are wanted whether or not there is an Ingress. */
  #configMapsOfSettings: ReadonlySet<string> = new Set();
  #engine: EngineConfig = NO_ENGINE_CONFIG;
  /** RouteSets that have a certificate for every host. */
  readonly #withDefaultSecret = new Set<string>();
  readonly #backends: BackendTable;
  readonly #certificates = new CertificateTable();
  readonly #passwords = new PasswordTable();
  readonly #validity = new ValidityTable();
  /** Hosts that have no rules, or none over HTTP or over HTTPS, by the hosts whose routes they may have. */
  readonly #hostsBelow = new DependencyIndex();
  #hosts = PersistentMap.empty<HostPlan>();
  /** Under which keys a host stands in the plan. */
  readonly #keysOfHost = new Map<HostKey, readonly string[]>();
  readonly #listenersOfRouteSet = new Map<string, readonly TlsListener[]>();
  #tlsListeners = PersistentMap.empty<TlsListener>();
  #wants = PersistentMap.empty<Want>();

  constructor(settings: CompileSettings) {
    this.#settings = settings;
    this.#backends = new BackendTable(settings);
  }

  compile(input: L7Input): L7Output {
    const findings = new Map<string, readonly Finding[]>();
    const dirtyHosts = this.#dirtyHosts(input);
    for (const host of dirtyHosts) this.#compileHost(host, input, findings);
    for (const [producer, found] of this.#backends.compile(input)) findings.set(producer, found);
    const defaultCertificate = this.#defaultCertificate(input, findings);
    this.#readConfig(input, findings);
    return {
      wants: { objects: this.#wants, names: this.#backends.wantedNames },
      plan: {
        hosts: this.#hosts,
        backends: this.#backends.plans,
        authorities: this.#backends.authorities,
        clientCertificates: this.#backends.clientCertificates,
        certificates: this.#certificates.compile(input, defaultCertificate),
        passwords: this.#passwords.plans,
        defaultCertificate,
        reserve: neededReserve(input.snapshot, this.#settings),
        tlsListeners: this.#tlsListeners,
        engine: this.#engine,
      },
      findings,
    };
  }

  /** Hosts touched by changed RouteSets, Services (their protocol), Secrets, or time. */
  #dirtyHosts(input: L7Input): ReadonlySet<HostKey> {
    const dirty = new Set<HostKey>();
    for (const key of input.changedRouteSets) {
      const routeSet = input.routeSets.get(key);
      for (const host of this.#hostsOfRouteSet.inputsOf(key)) addHost(dirty, host, this.#hosts);
      this.#hostsOfRouteSet.set(key, routeSet === undefined ? [] : hostsOf(routeSet));
      this.#setSecrets(key, input.routeSets.secretsOf(key));
      this.#setListeners(key, routeSet);
      this.#setConfigMaps(key, input.routeSets.configMapsOf(key));
      if (routeSet?.defaultSecret === undefined) this.#withDefaultSecret.delete(key);
      else this.#withDefaultSecret.add(key);
      for (const host of this.#hostsOfRouteSet.inputsOf(key)) addHost(dirty, host, this.#hosts);
    }
    const { secrets } = input.snapshot;
    const changed = new Set(this.#validity.advance(input.before.secrets, secrets, input.facts.nowMs));
    PersistentMap.diff(input.before.secrets, secrets, (secret) => changed.add(secret));
    for (const secret of changed) {
      for (const key of this.#secretsOfRouteSet.ownersOf(secret)) {
        for (const host of this.#hostsOfRouteSet.inputsOf(key)) addHost(dirty, host, this.#hosts);
      }
    }
    for (const above of dirty) for (const host of this.#hostsBelow.ownersOf(above)) addHost(dirty, host, this.#hosts);
    return dirty;
  }

  /** A port is one Gateway's, so that no other RouteSet has the same listener. */
  #setListeners(key: string, routeSet: RouteSet | undefined): void {
    const before = this.#listenersOfRouteSet.get(key) ?? [];
    const after = (routeSet?.tlsListeners ?? []).map(({ port, host }): TlsListener => ({
      port,
      host: host ?? ANY_HOST,
    }));
    if (before.length + after.length === 0) return;
    const gone = new Set(before.map(listenerKey));
    for (const listener of after) {
      const id = listenerKey(listener);
      if (!gone.delete(id)) this.#tlsListeners = this.#tlsListeners.set(id, listener);
    }
    // A port may be another Gateway's by now.
    for (const id of gone) if (this.#ownerOf(id, key) === undefined) this.#tlsListeners = this.#tlsListeners.delete(id);
    this.#listenersOfRouteSet.set(key, after);
  }

  #ownerOf(listener: string, except: string): string | undefined {
    for (const [key, listeners] of this.#listenersOfRouteSet)
      if (key !== except && listeners.some((one) => listenerKey(one) === listener)) return key;
    return undefined;
  }

  #setSecrets(key: string, secrets: readonly string[]): void {
    const before = this.#secretsOfRouteSet.inputsOf(key);
    this.#secretsOfRouteSet.set(key, secrets);
    for (const secret of new Set([...before, ...secrets])) this.#wantSecret(secret);
  }

  /** While it is not known what it says, what it said holds. */
  #readConfig({ snapshot }: L7Input, findings: Map<string, readonly Finding[]>): void {
    const reading = readNginxConfig(snapshot, this.#settings);
    const before = this.#configMapsOfSettings;
    this.#configMapsOfSettings = new Set(reading.configMaps);
    for (const key of [...before, ...reading.configMaps]) this.#wantConfigMap(key);
    findings.set('flag:configmap', reading.findings);
    if (reading.isPending) return;
    const { engine } = reading.config;
    if (JSON.stringify(engine) !== JSON.stringify(this.#engine)) this.#engine = engine;
  }

  #setConfigMaps(key: string, configMaps: readonly string[]): void {
    const before = this.#configMapsOfRouteSet.inputsOf(key);
    this.#configMapsOfRouteSet.set(key, configMaps);
    for (const name of new Set([...before, ...configMaps])) this.#wantConfigMap(name);
  }

  #wantConfigMap(key: string): void {
    const isUsed = this.#configMapsOfRouteSet.ownersOf(key).size > 0;
    const isNamed = this.#configMapsOfSettings.has(key);
    this.#want(objectAt('ConfigMap', key), [
      ...(isUsed ? (['headers'] as const) : []),
      ...(isNamed ? (['settings'] as const) : []),
    ]);
  }

  /** Wants a Secret for what it is used for now, if for anything. */
  #wantSecret(key: string): void {
    const ref = objectAt('Secret', key);
    const purposes: Purpose[] = this.#secretsOfRouteSet.ownersOf(key).size > 0 ? ['certificate'] : [];
    if (key === this.#settings.defaultCertificateSecret) purposes.push('default-certificate');
    this.#want(ref, purposes);
  }

  #want(ref: Want['ref'], purposes: readonly Purpose[]): void {
    const id = idOf(ref);
    if (purposes.length === 0) this.#wants = this.#wants.delete(id);
    else if (this.#wants.get(id)?.purposes.join() !== purposes.join())
      this.#wants = this.#wants.set(id, { ref, purposes });
  }

  #compileHost(host: HostKey, input: L7Input, findings: Map<string, readonly Finding[]>): void {
    const own = this.#rulesOf(host, input);
    const tls = this.#tlsOf(host, input);
    this.#certificates.use(host, tls.certificate);
    const isTlsOnly = host !== ANY_HOST && own.length === 0 && tls.isClaimed;
    const read = (rules: readonly OwnedRule[]): readonly OwnedRule[] =>
      (this.#settings.compat === 'strict-nginx' ? nginxRules(rules) : rules).flatMap(withVariants);
    const all = read(isTlsOnly ? this.#redirectedRulesAbove(host, tls, input) : own);
    let isBelow = isTlsOnly;
    const above = (entrance: Entrance): readonly OwnedRule[] => {
      isBelow = true;
      return read(rulesAbove(host, entrance, (key) => this.#rulesOf(key, input)));
    };
    const {
      plans,
      uses,
      findings: conflicts,
    } = hostPlans(host, all, above, tls, ({ namespace, service, port }, backendClass, connection) => {
      const object = input.snapshot.services.get(`${namespace}/${service}`);
      const protocol = protocolOf(portOf(object, port), connection);
      return backendId(namespace, service, port, protocol, backendClass, connection);
    });
    this.#setPlans(host, plans);
    this.#passwords.use(host, plans);
    this.#hostsBelow.set(host, isBelow ? hostsAbove(host) : []);
    // Conflicts among routes of the host above are reported there.
    findings.set(`${HOST_PREFIX}${host}`, [...(isTlsOnly ? [] : conflicts), ...tls.findings]);
    this.#backends.use(host, uses);
  }

  #setPlans(host: HostKey, plans: readonly HostPlan[]): void {
    const gone = new Set(this.#keysOfHost.get(host));
    for (const plan of plans) {
      this.#hosts = this.#hosts.set(hostKey(plan), plan);
      gone.delete(hostKey(plan));
    }
    for (const key of gone) this.#hosts = this.#hosts.delete(key);
    if (plans.length === 0) this.#keysOfHost.delete(host);
    else this.#keysOfHost.set(host, plans.map(hostKey));
  }

  #rulesOf(host: HostKey, input: L7Input): readonly OwnedRule[] {
    const found = [...this.#hostsOfRouteSet.ownersOf(host)].flatMap((key) => {
      const owner = input.routeSets.get(key);
      if (owner === undefined) return [];
      const routes = owner.routes.filter((item) => (item.host ?? ANY_HOST) === host);
      return routes.map((route) => ({ owner, route }));
    });
    const owning = found.filter(({ route }) => route.yields !== true);
    return (owning.length > 0 ? owning : found).flatMap(({ owner, route }) =>
      route.rules.map((rule) => ({ owner, entrance: route.entrance, isDeep: route.isDeep ?? false, rule })),
    );
  }

  /**
   * The rules that requests for a host without rules fall to, as the host's own: there they redirect to HTTPS, which they
   * do not for other hosts. None when they would not redirect either: then the requests fall to them anyway.
   */
  #redirectedRulesAbove(host: Hostname, { securedBy }: HostTls, input: L7Input): readonly OwnedRule[] {
    const wildcard = wildcardAbove(host);
    const below = wildcard === undefined ? [] : this.#rulesOf(wildcard, input);
    const rules = below.length > 0 ? below : this.#rulesOf(ANY_HOST, input);
    const isSecuredByOwner = ({ owner }: OwnedRule): boolean => securedBy.has(owner.ref.namespace);
    const isRedirected = ({ rule }: OwnedRule): boolean => rule.filters.some(({ type }) => type === 'HttpsRedirect');
    return rules.some((item) => isRedirected(item) && isSecuredByOwner(item)) ? rules : [];
  }

  /** The certificate of a host: the oldest claim that yields one. A wildcard claim secures the hosts below it, too. */
  #tlsOf(
    host: HostKey,
    input: L7Input,
  ): HostTls & { readonly isClaimed: boolean; readonly findings: readonly Finding[] } {
    if (host === ANY_HOST) return { isClaimed: false, securedBy: new Set(), certificate: undefined, findings: [] };
    const claims = this.#claimsOf(host, input);
    const above = wildcardAbove(host);
    const claimsAbove = above === undefined ? [] : this.#claimsOf(above, input);
    const findings: Finding[] = [];
    let winner: { readonly owner: ObjectRef; readonly claimed: string; readonly secret: string } | undefined;
    for (const { claim, owner } of claims) {
      if (claim.secret === undefined) continue;
      if (winner !== undefined && winner.claimed !== claim.secret) {
        // A copy in another namespace, as tools make them, is the same certificate.
        if (isSameCertificate(winner.claimed, claim.secret, input.snapshot)) continue;
        const message = `${host} already has the certificate in Secret ${winner.claimed}, from ${nameOf(winner.owner)}`;
        findings.push(finding('CertificateConflict', owner, claim.field, message));
        continue;
      }
      const found = certificateFor(claim, owner, input.snapshot, input.facts);
      findings.push(...found.findings);
      if (found.secret !== undefined) winner ??= { owner, claimed: claim.secret, secret: found.secret };
    }
    return {
      isClaimed: claims.length > 0,
      securedBy: new Set([...claims, ...claimsAbove].map(({ owner }) => owner.namespace)),
      certificate: winner === undefined ? undefined : certificateId(winner.secret),
      findings,
    };
  }

  #claimsOf(host: Hostname, input: L7Input): readonly { readonly claim: TlsClaim; readonly owner: ObjectRef }[] {
    return [...this.#hostsOfRouteSet.ownersOf(host)]
      .flatMap((key) => input.routeSets.get(key) ?? [])
      .sort((a, b) => byAge(a.meta, b.meta))
      .flatMap(({ ref, tls }) => tls.filter((claim) => claim.host === host).map((claim) => ({ claim, owner: ref })));
  }

  /** `--default-ssl-certificate`, wanted whether or not an object names it; without it that of the oldest listener for every host. */
  #defaultCertificate(input: L7Input, findings: Map<string, readonly Finding[]>): CertificateId | undefined {
    const key = this.#settings.defaultCertificateSecret;
    if (key === undefined) return this.#defaultCertificateOfListeners(input);
    this.#wantSecret(key);
    findings.set('flag:default-ssl-certificate', defaultCertificateFindings(key, input.snapshot));
    return certificateOf(input.snapshot, key) === undefined ? undefined : certificateId(key);
  }

  #defaultCertificateOfListeners({ routeSets, snapshot }: L7Input): CertificateId | undefined {
    const secret = [...this.#withDefaultSecret]
      .flatMap((key) => routeSets.get(key) ?? [])
      .sort((a, b) => byAge(a.meta, b.meta))
      .flatMap(({ defaultSecret }) => defaultSecret ?? [])
      .find((candidate) => certificateOf(snapshot, candidate) !== undefined);
    return secret === undefined ? undefined : certificateId(secret);
  }
}

/** A rule, and before it what becomes of some of its requests. */
function withVariants(owned: OwnedRule): readonly OwnedRule[] {
  const { variants, ...rule } = owned.rule;
  if (variants === undefined || variants.length === 0) return [owned];
  const some = variants.map(({ conditions, filters, target }) => ({
    ...owned,
    rule: { ...rule, conditions, filters: [...rule.filters, ...filters], target },
  }));
  return [...some, { ...owned, rule }];
}

function hostsOf({ routes, tls }: RouteSet): readonly string[] {
  const hosts = new Set<string>(routes.map((route) => route.host ?? ANY_HOST));
  for (const claim of tls) hosts.add(claim.host);
  return [...hosts];
}

/** A host, and for a wildcard all hosts below it, since they are secure when it is. */
function addHost(dirty: Set<HostKey>, host: string, hosts: PersistentMap<HostPlan>): void {
  if (host === ANY_HOST) {
    dirty.add(ANY_HOST);
    return;
  }
  const name = hostnameOf(host);
  invariant(name !== undefined, `"${host}" is a host`);
  dirty.add(name);
  if (!isWildcard(name)) return;
  for (const plan of hosts.values()) if (plan.host !== ANY_HOST && hostCovers(name, plan.host)) dirty.add(plan.host);
}
