import { PersistentMap } from '../lib/persistent-map.ts';
import { finding, type Finding } from '../model/finding.ts';
import { byAge, keyOf } from '../model/object.ts';
import type { EndpointSlice } from '../model/service.ts';
import { EMPTY_SNAPSHOT, type Snapshot } from '../model/snapshot.ts';
import { DependencyIndex } from './dependency-index.ts';
import { claimIngress } from './ingress-class.ts';
import { Allocator, type Held } from './l4/allocation.ts';
import { L4Compiler } from './l4/l4-compiler.ts';
import type { L4Plan } from './l4/l4-plan.ts';
import { L7Compiler } from './l7/l7-compiler.ts';
import { programOfIngress, type IngressProgram } from './l7/ingress-route.ts';
import type { Plan, StatusPlan } from './plan.ts';
import type { CompileSettings, Facts } from './settings.ts';
import { ingressAddresses, sameAddresses } from './status.ts';

/** Begins the key of an Ingress in `Snapshot.findings`. */
const INGRESS_PREFIX = 'Ingress/';

/**
 * Compiles Snapshots into Plans. The same Snapshot gives the same Plan whatever was compiled before;
 * what was compiled before only saves work: each stage is a pure function of the objects it reads,
 * and is called again only for owners whose inputs are other objects than last time.
 */
export class Compiler {
  readonly #settings: CompileSettings;
  readonly #l7: L7Compiler;
  readonly #l4: L4Compiler | undefined;
  readonly #allocator: Allocator | undefined;
  #snapshot: Snapshot = EMPTY_SNAPSHOT;
  /** Programs of the Ingresses that are ours. */
  readonly #programs = new Map<string, IngressProgram>();
  readonly #servicesOfIngress = new DependencyIndex();
  readonly #slicesOfService = new DependencyIndex();
  #findings = PersistentMap.empty<readonly Finding[]>();
  #status: StatusPlan = { ingresses: PersistentMap.empty() };

  /** `held` is what an earlier run allocated to Services, which keep it. */
  constructor(settings: CompileSettings, held: Held = PersistentMap.empty()) {
    this.#settings = settings;
    this.#l7 = new L7Compiler(settings);
    const { l4, allocation } = settings;
    this.#l4 = l4 === undefined ? undefined : new L4Compiler(l4, allocation);
    this.#allocator = allocation === undefined ? undefined : new Allocator(allocation, held);
  }

  compile(snapshot: Snapshot, facts: Facts): Plan {
    const before = this.#snapshot;
    const dirtyServices = this.#changedServices(before, snapshot);
    const dirtyIngresses = this.#changedIngresses(before, snapshot);
    for (const key of dirtyIngresses) this.#compileIngress(key, snapshot);
    const l7 = this.#l7.compile({
      snapshot,
      before,
      facts,
      programs: this.#programs,
      changedIngresses: dirtyIngresses,
      changedServices: dirtyServices,
      slicesOf: (service) => slicesOf(this.#slicesOfService, service, snapshot),
    });
    const admitted = new Set([...dirtyIngresses].map((key) => `${INGRESS_PREFIX}${key}`));
    PersistentMap.diff(before.findings, snapshot.findings, (key) => admitted.add(key));
    for (const key of admitted) this.#setFindings(`admit:${key}`, this.#admissionFindings(key, snapshot));
    for (const [producer, findings] of l7.findings) this.#setFindings(producer, findings);
    const l4 = this.#compileL4(dirtyServices, snapshot, facts);
    this.#compileStatus(dirtyIngresses, before, snapshot);
    this.#snapshot = snapshot;
    return {
      l7: l7.plan,
      l4,
      allocations: this.#allocations(),
      status: this.#status,
      findings: this.#findings,
      wantedSecrets: l7.wantedSecrets,
      wantedNames: l7.wantedNames,
    };
  }

  #compileL4(changed: ReadonlySet<string>, snapshot: Snapshot, facts: Facts): L4Plan | undefined {
    const allocated = this.#allocator?.update(changed, snapshot.services);
    for (const [producer, findings] of allocated?.findings ?? []) this.#setFindings(producer, findings);
    const output = this.#l4?.compile({
      snapshot,
      node: facts.node,
      changedServices: allocated === undefined ? changed : new Set([...changed, ...allocated.moved]),
      allocations: this.#allocations(),
      slicesOf: (service) => slicesOf(this.#slicesOfService, service, snapshot),
    });
    for (const [producer, findings] of output?.findings ?? []) this.#setFindings(producer, findings);
    return output?.plan;
  }

  #allocations(): Held {
    return this.#allocator?.allocations ?? PersistentMap.empty();
  }

  /** Services that changed themselves or through their slices or the answer of DNS. */
  #changedServices(before: Snapshot, after: Snapshot): ReadonlySet<string> {
    const changed = new Set<string>();
    PersistentMap.diff(before.services, after.services, (key) => changed.add(key));
    PersistentMap.diff(before.endpointSlices, after.endpointSlices, (key, left, right) => {
      for (const slice of [left, right]) if (slice !== undefined) changed.add(serviceOf(slice));
      this.#slicesOfService.set(key, right === undefined ? [] : [serviceOf(right)]);
    });
    return changed;
  }

  #changedIngresses(before: Snapshot, after: Snapshot): ReadonlySet<string> {
    const changed = new Set<string>();
    PersistentMap.diff(before.ingresses, after.ingresses, (key) => changed.add(key));
    PersistentMap.diff(before.services, after.services, (key) => {
      for (const owner of this.#servicesOfIngress.ownersOf(key)) changed.add(owner);
    });
    // A class decides over any number of Ingresses and changes about never: all are looked at again.
    if (before.ingressClasses !== after.ingressClasses) for (const key of after.ingresses.keys()) changed.add(key);
    return changed;
  }

  #compileIngress(key: string, snapshot: Snapshot): void {
    const ingress = snapshot.ingresses.get(key);
    const claim = ingress === undefined ? undefined : claimIngress(ingress, snapshot.ingressClasses, this.#settings);
    if (ingress === undefined || claim?.isOurs !== true) {
      this.#programs.delete(key);
      this.#servicesOfIngress.set(key, []);
      this.#setFindings(`ingress:${key}`, claim?.finding === undefined ? [] : [claim.finding]);
      return;
    }
    const program = programOfIngress(ingress, snapshot.services, this.#settings);
    this.#programs.set(key, program);
    this.#servicesOfIngress.set(key, program.services);
    this.#setFindings(`ingress:${key}`, [...program.findings, ...emptyFinding(program)]);
  }

  /** What was found when an object was read; of an Ingress that is another controller's, it is not for us to say. */
  #admissionFindings(key: string, snapshot: Snapshot): readonly Finding[] {
    const ingress = key.startsWith(INGRESS_PREFIX) ? key.slice(INGRESS_PREFIX.length) : undefined;
    const isOthers = ingress !== undefined && snapshot.ingresses.has(ingress) && !this.#programs.has(ingress);
    return isOthers ? [] : (snapshot.findings.get(key) ?? []);
  }

  #compileStatus(dirty: ReadonlySet<string>, before: Snapshot, snapshot: Snapshot): void {
    const addresses = ingressAddresses(snapshot, this.#settings);
    const isSame = sameAddresses(addresses, ingressAddresses(before, this.#settings));
    let { ingresses } = this.#status;
    for (const key of isSame ? dirty : new Set([...dirty, ...this.#programs.keys()])) {
      const program = this.#programs.get(key);
      if (program === undefined) ingresses = ingresses.delete(key);
      else if (!isSame || !ingresses.has(key)) ingresses = ingresses.set(key, { ref: program.ref, addresses });
    }
    if (ingresses !== this.#status.ingresses) this.#status = { ingresses };
  }

  #setFindings(producer: string, findings: readonly Finding[]): void {
    this.#findings = findings.length === 0 ? this.#findings.delete(producer) : this.#findings.set(producer, findings);
  }
}

function emptyFinding(program: IngressProgram): readonly Finding[] {
  if (program.routes.some((route) => route.rules.length > 0)) return [];
  return [finding('IngressEmpty', program.ref, 'spec', 'there are no paths and no default backend')];
}

function serviceOf(slice: EndpointSlice): string {
  return keyOf({ namespace: slice.meta.namespace, name: slice.service });
}

function slicesOf(index: DependencyIndex, service: string, snapshot: Snapshot): readonly EndpointSlice[] {
  const slices: EndpointSlice[] = [];
  for (const key of index.ownersOf(service)) {
    const slice = snapshot.endpointSlices.get(key);
    if (slice !== undefined) slices.push(slice);
  }
  return slices.sort((a, b) => byAge(a.meta, b.meta));
}
