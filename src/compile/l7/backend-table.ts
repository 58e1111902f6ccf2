import { PersistentMap } from '../../lib/persistent-map.ts';
import type { Finding } from '../../model/finding.ts';
import type { Authorities } from '../../model/authorities.ts';
import { connectionKey, type EndpointConnection } from '../../model/http/endpoint-connection.ts';
import type { BackendRef } from '../../model/http/backend-ref.ts';
import { ipAddressOf, type IpAddress } from '../../model/grammar.ts';
import { keyOf, objectAt } from '../../model/object.ts';
import { DEFAULT_TRAFFIC, type EndpointSlice, type Service } from '../../model/service.ts';
import type { Certificate } from '../../model/secret.ts';
import type { ResolvedName } from '../../model/snapshot.ts';
import { DependencyIndex } from '../dependency-index.ts';
import { BACKEND_PREFIX, type BackendClass, type BackendId, type BackendPlan, type ServerPlan } from '../plan.ts';
import type { CompileSettings, NodeFacts } from '../settings.ts';
import { backendOf, portOf } from './backend.ts';
import { endpointFindings } from './endpoint-findings.ts';
import { externalTarget } from './external-name.ts';
import type { L7Input } from './l7-input.ts';

/** A Service port that some host forwards to, the class that its routes need, and how they speak to it. */
export interface BackendUse {
  readonly backend: BackendRef;
  readonly class: BackendClass;
  readonly connection: EndpointConnection | undefined;
}

interface UsedPort {
  readonly service: string;
  readonly port: number;
  readonly class: BackendClass;
  readonly connection: EndpointConnection | undefined;
  readonly external: BackendRef['external'];
}

/** Backends of the Service ports in use, computed again only when their Service, slices or users change. */
export class BackendTable {
  readonly #portsOfHost = new DependencyIndex();
  readonly #portsOfService = new DependencyIndex();
  readonly #namesOfPort = new DependencyIndex();
  readonly #materialOfPort = new DependencyIndex();
  readonly #used = new Map<string, UsedPort>();
  readonly #idOfPort = new Map<string, BackendId>();
  readonly #dirty = new Set<string>();
  readonly #settings: Pick<CompileSettings, 'allowsLocalExternalNames' | 'mode'>;
  #node: NodeFacts | undefined;
  plans = PersistentMap.empty<BackendPlan>();
  /** What the backends in `plans` verify and show; by fingerprint. */
  authorities = PersistentMap.empty<Authorities>();
  clientCertificates = PersistentMap.empty<Certificate>();
  wantedNames = PersistentMap.empty<true>();

  constructor(settings: Pick<CompileSettings, 'allowsLocalExternalNames' | 'mode'>) {
    this.#settings = settings;
  }

  /** Says which Service ports a host forwards to, in place of what was said before. */
  use(host: string, uses: readonly BackendUse[]): void {
    const before = this.#portsOfHost.inputsOf(host);
    const after = new Set<string>();
    for (const use of uses) {
      const { namespace, service: name, port } = use.backend;
      const { connection } = use;
      const external = use.backend.external;
      const used = { service: keyOf({ namespace, name }), port, class: use.class, connection, external };
      const key = [used.service, port, use.class, connectionKey(connection)].join(' ').trimEnd();
      if (!this.#used.has(key)) this.#dirty.add(key);
      this.#used.set(key, used);
      after.add(key);
    }
    this.#portsOfHost.set(host, [...after]);
    for (const key of before) if (this.#portsOfHost.ownersOf(key).size === 0) this.#dirty.add(key);
  }

  /** Brings `plans` up to date; returns the Findings of every port that was looked at, empty ones to clear. */
  compile(input: L7Input): ReadonlyMap<string, readonly Finding[]> {
    for (const service of input.changedServices) {
      for (const key of this.#portsOfService.ownersOf(service)) this.#dirty.add(key);
    }
    PersistentMap.diff(input.before.resolvedNames, input.snapshot.resolvedNames, (name) => {
      for (const key of this.#namesOfPort.ownersOf(name)) this.#dirty.add(key);
    });
    PersistentMap.diff(input.before.former, input.snapshot.former, (_, left, right) => {
      for (const former of [left, right]) {
        if (former?.table !== 'services') continue;
        for (const key of this.#portsOfService.ownersOf(former.key)) this.#dirty.add(key);
      }
    });
    this.#lookAtNode(input.facts.node);
    const findings = new Map<string, readonly Finding[]>();
    for (const key of this.#dirty) findings.set(`${BACKEND_PREFIX}${key}`, this.#compilePort(key, input));
    this.#dirty.clear();
    return findings;
  }

  /** Which names lead to this machine changes with its addresses. */
  #lookAtNode(node: NodeFacts): void {
    if (node === this.#node) return;
    this.#node = node;
    for (const name of this.wantedNames.keys())
      for (const key of this.#namesOfPort.ownersOf(name)) this.#dirty.add(key);
  }

  #compilePort(key: string, input: L7Input): readonly Finding[] {
    const used = this.#used.get(key);
    const service =
      used === undefined ? undefined : (externalService(used) ?? input.snapshot.services.get(used.service));
    const isUsed = this.#portsOfHost.ownersOf(key).size > 0;
    if (used === undefined || service === undefined || !isUsed) {
      this.#forget(key, isUsed);
      return [];
    }
    const { resolvedNames, former } = input.snapshot;
    const before = former.get(`Service/${used.service}`);
    const served = isLookedUp(service, resolvedNames) || before?.table !== 'services' ? service : before.value;
    this.#want(key, [...new Set([service, served].flatMap((item) => nameOf(item) ?? []))]);
    this.#portsOfService.set(key, [used.service]);
    const external = externalTarget(served, resolvedNames, this.#settings.allowsLocalExternalNames, input.facts);
    const slices = input.slicesOf(used.service);
    const plan = backendAs(service, served, used, slices, external.addresses);
    const earlier = this.#idOfPort.get(key);
    if (earlier !== undefined && earlier !== plan.id) this.plans = this.plans.delete(earlier);
    this.#idOfPort.set(key, plan.id);
    this.#useMaterial(key, plan.tls);
    const known = this.plans.get(plan.id);
    if (known === undefined || !sameServers(known.servers, plan.servers)) this.plans = this.plans.set(plan.id, plan);
    return [...external.findings, ...endpointFindings(service, portOf(service, used.port), slices, this.#settings)];
  }

  #forget(key: string, isUsed: boolean): void {
    const id = this.#idOfPort.get(key);
    if (id !== undefined) this.plans = this.plans.delete(id);
    this.#idOfPort.delete(key);
    this.#useMaterial(key, undefined);
    this.#want(key, []);
    // A used port whose Service is gone stays indexed: the Service may come back.
    if (isUsed) return;
    this.#portsOfService.set(key, []);
    this.#used.delete(key);
  }

  /** Says what a port needs of certificates, in place of what was said before. */
  #useMaterial(key: string, tls: BackendPlan['tls']): void {
    const before = this.#materialOfPort.inputsOf(key);
    const { signedBy, clientCertificate } = tls ?? {};
    const after: string[] = [];
    if (typeof signedBy === 'object') {
      after.push(signedBy.fingerprint);
      if (!this.authorities.has(signedBy.fingerprint))
        this.authorities = this.authorities.set(signedBy.fingerprint, signedBy);
    }
    if (clientCertificate !== undefined) {
      after.push(clientCertificate.fingerprint);
      if (!this.clientCertificates.has(clientCertificate.fingerprint))
        this.clientCertificates = this.clientCertificates.set(clientCertificate.fingerprint, clientCertificate);
    }
    this.#materialOfPort.set(key, after);
    for (const old of before) {
      if (this.#materialOfPort.ownersOf(old).size > 0) continue;
      this.authorities = this.authorities.delete(old);
      this.clientCertificates = this.clientCertificates.delete(old);
    }
  }

  #want(key: string, names: readonly string[]): void {
    const before = this.#namesOfPort.inputsOf(key);
    this.#namesOfPort.set(key, names);
    for (const old of before)
      if (this.#namesOfPort.ownersOf(old).size === 0) this.wantedNames = this.wantedNames.delete(old);
    for (const name of names) this.wantedNames = this.wantedNames.set(name, true);
  }
}

/** What no Service names is looked up, judged and reached as what an ExternalName Service names. */
function externalService({ service: key, external }: UsedPort): Service | undefined {
  if (external === undefined) return undefined;
  const { namespace, name } = objectAt('Service', key);
  return {
    meta: { namespace, name, uid: '', createdMs: 0 },
    type: 'ExternalName',
    ports: [],
    externalName: external,
    publishedAddresses: [],
    traffic: DEFAULT_TRAFFIC,
    loadBalancer: undefined,
  };
}

/** A backend of the Service as it is now, with the servers of the version that is `served`. */
function backendAs(
  service: Service,
  served: Service,
  { port, class: backendClass, connection }: UsedPort,
  slices: readonly EndpointSlice[],
  external: readonly IpAddress[],
): BackendPlan {
  const plan = backendOf(served, port, backendClass, connection, slices, external);
  if (served === service) return plan;
  return { ...backendOf(service, port, backendClass, connection, slices, []), servers: plan.servers };
}

/** The name under which a Service is looked up. */
function nameOf({ type, externalName }: Service): string | undefined {
  return type === 'ExternalName' ? externalName : undefined;
}

/** Whether it is known where the Service leads. Until it is, it leads where it did before it changed. */
function isLookedUp(service: Service, resolvedNames: PersistentMap<ResolvedName>): boolean {
  const name = nameOf(service);
  return name === undefined || ipAddressOf(name) !== undefined || resolvedNames.has(name);
}

function sameServers(a: readonly ServerPlan[], b: readonly ServerPlan[]): boolean {
  return a.length === b.length && a.every((server, index) => sameServer(server, b[index]));
}

function sameServer(a: ServerPlan, b: ServerPlan | undefined): boolean {
  return b !== undefined && a.address === b.address && a.port === b.port && a.state === b.state;
}
