import { Compiler } from '../compile/compiler.ts';
import type { CompileSettings } from '../compile/settings.ts';
import { Fault, messageOf } from '../lib/fault.ts';
import type { Finding } from '../model/finding.ts';
import { keyOf, type Origin } from '../model/object.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { findingsOf, routeRows } from '../observe/views.ts';
import { readManifests } from '../sources/manifests/manifest-source.ts';
import { Store } from '../sources/store.ts';

/** What `sluice check` found. */
export interface CheckReport {
  readonly objects: number;
  readonly routes: number;
  /** `place` is `file:line`, relative to the folder. */
  readonly findings: readonly { readonly finding: Finding; readonly place: string }[];
}

/** What the manifests of a folder are compiled with when nothing is said. */
export const STANDALONE_SETTINGS: CompileSettings = {
  mode: 'standalone',
  ingressClass: 'sluice',
  isIngressClassExplicit: false,
  watchIngressWithoutClass: false,
  defaultBackendService: undefined,
  defaultCertificateSecret: undefined,
  sslRedirect: true,
  publishService: undefined,
  publishAddresses: [],
};

/** Reads and compiles a folder without serving it. @throws Fault when it cannot be read. */
export async function loadForCheck(directory: string, ingressClass: string | undefined): Promise<CheckReport> {
  const store = new Store();
  try {
    await readManifests(directory, store);
  } catch (cause) {
    throw new Fault('manifests', `cannot read ${directory}: ${messageOf(cause)}`, { cause, retryable: false });
  }
  const settings =
    ingressClass === undefined
      ? STANDALONE_SETTINGS
      : { ...STANDALONE_SETTINGS, ingressClass, isIngressClassExplicit: true };
  const { snapshot } = store;
  const plan = new Compiler(settings).compile(snapshot, { nowMs: Date.now() });
  return {
    objects: countObjects(snapshot),
    routes: routeRows(plan).length,
    findings: findingsOf(plan).map((finding) => ({ finding, place: placeOf(finding, snapshot) })),
  };
}

function countObjects(snapshot: Snapshot): number {
  const { ingresses, ingressClasses, services, endpointSlices, secrets } = snapshot;
  return [ingresses, ingressClasses, services, endpointSlices, secrets].reduce((sum, table) => sum + table.size, 0);
}

function placeOf(finding: Finding, snapshot: Snapshot): string {
  const { object } = finding;
  if (object.kind === 'Manifest') return object.name;
  const origin = originOf(finding, snapshot);
  return origin?.kind === 'file' ? `${origin.path}:${String(origin.line)}` : keyOf(object);
}

function originOf({ object }: Finding, snapshot: Snapshot): Origin | undefined {
  const key = keyOf(object);
  switch (object.kind) {
    case 'Ingress':
      return snapshot.ingresses.get(key)?.meta.origin;
    case 'IngressClass':
      return snapshot.ingressClasses.get(key)?.meta.origin;
    case 'Service':
      return snapshot.services.get(key)?.meta.origin;
    case 'EndpointSlice':
      return snapshot.endpointSlices.get(key)?.meta.origin;
    case 'Endpoints':
      return snapshot.endpointSlices.get(`endpoints:${key}`)?.meta.origin;
    case 'Secret':
      return snapshot.secrets.get(key)?.meta.origin;
    case 'Manifest':
    case 'Node':
      return undefined;
  }
}
