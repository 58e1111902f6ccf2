/** What `deploy/` lets each workload read, held to what its roles read. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { interestsOf, ROLES, type RoleName } from '../src/app/role.ts';
import { ALL_KINDS, apiVersionOfKind, KINDS, resourceOf } from '../src/model/kinds.ts';
import { KNOWN_FIELDS } from '../src/sources/admit/known-fields.ts';

const FOLDER = join(import.meta.dirname, '..', 'deploy');

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** The fields that this test reads of ClusterRoles, their bindings and workloads. */
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly Rule[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly name: string }[];
  readonly spec?: { readonly template?: { readonly spec: PodSpec }; readonly versions?: readonly CrdVersion[] };
}

interface CrdVersion {
  readonly name: string;
  readonly schema: {
    readonly openAPIV3Schema: { readonly properties: Readonly<Record<string, { readonly properties?: object }>> };
  };
}

interface PodSpec {
  readonly serviceAccountName: string;
  readonly containers: readonly { readonly args?: readonly string[] }[];
}

const manifests: readonly Manifest[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml'))
  .flatMap((name) => parseAllDocuments(readFileSync(join(FOLDER, name), 'utf8')))
  .map((document) => document.toJS() as Manifest | null)
  .filter((manifest) => manifest !== null);

/** `group/resource verb` for everything that a ServiceAccount may list or watch in all namespaces. */
function readable(serviceAccount: string): readonly string[] {
  const bindings = manifests.filter(
    ({ kind, subjects }) => kind === 'ClusterRoleBinding' && subjects?.some(({ name }) => name === serviceAccount),
  );
  const bound = new Set(bindings.map(({ roleRef }) => roleRef?.name));
  return reading(manifests.filter(({ kind, metadata }) => kind === 'ClusterRole' && bound.has(metadata.name)));
}

function reading(roles: readonly Manifest[]): readonly string[] {
  const granted = roles
    .flatMap(({ rules = [] }) => rules)
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => ({ text: `${group}/${resource} ${verb}`, verb }))),
      ),
    )
    .flatMap(({ text, verb }) => (verb === 'list' || verb === 'watch' || verb === 'get' ? [text] : []));
  // Two parts that are installed apart may need the same.
  return [...new Set(granted)].toSorted();
}

/** The same for what these roles read; in one namespace alone, what is in it. */
function read(roles: readonly string[], isNamespaced = false): readonly string[] {
  const kinds = interestsOf({
    roles: new Set<RoleName>(ROLES.filter((role) => roles.includes(role))),
    nodeName: 'node',
    // Addresses of pools are for the whole cluster, or not given.
    givesAddresses: roles.includes('controller') && !isNamespaced,
    announces: roles.includes('node'),
    speaksBgp: roles.includes('node'),
    selectsNamespaces: false,
    hasGatewayApi: roles.includes('gateway') && !isNamespaced,
  }).map(({ kind }) => kind);
  // Secrets that only BGP needs are read in one namespace, by name.
  const isByName = roles.join() === 'node';
  return [...new Set(kinds)]
    .filter((kind) => !(isByName && kind === 'Secret'))
    .map(resourceOf)
    .filter((resource) => resource.isNamespaced || !isNamespaced)
    .flatMap(({ group, plural }) => ['list', 'watch'].map((verb) => `${group}/${plural} ${verb}`))
    .toSorted();
}

describe('deploy/', () => {
  const workloads = manifests.flatMap(({ kind, metadata, spec }) => {
    const pod = spec?.template?.spec;
    const flag = pod?.containers.flatMap(({ args = [] }) => args).find((arg) => arg.startsWith('--role='));
    if (pod === undefined || flag === undefined) return [];
    const roles = flag.slice('--role='.length).split(',');
    return [{ name: `${kind} ${metadata.name}`, serviceAccount: pod.serviceAccountName, roles }];
  });

  it('starts every role', () => {
    expect([...new Set(workloads.flatMap(({ roles }) => roles))].toSorted()).toEqual(ROLES.toSorted());
  });

  it.each(workloads)('lets $name read what $roles read, and nothing else', ({ serviceAccount, roles }) => {
    expect(readable(serviceAccount)).toEqual(read(roles));
  });

  it('lets nodes read the Secrets with passwords of BGPPeers by name alone, in their own namespace', () => {
    const granted = manifests
      .filter(({ kind, metadata }) => kind.endsWith('Role') && metadata.name.startsWith('sluice-'))
      .flatMap(({ kind, metadata, rules = [] }) =>
        rules.flatMap(({ resources, resourceNames, verbs }) =>
          resources.includes('secrets') ? [{ kind, name: metadata.name, resourceNames, verbs }] : [],
        ),
      )
      .filter(({ name }) => name !== 'sluice-certificates');
    expect(granted).toEqual([
      { kind: 'Role', name: 'sluice-bgp', resourceNames: ['bgp-password'], verbs: ['list', 'watch'] },
    ]);
  });

  it('has a CRD for every kind of MetalLB that is read, with the fields that are known', () => {
    const crds = manifests.filter(({ kind }) => kind === 'CustomResourceDefinition');
    const own = ALL_KINDS.filter((kind) => apiVersionOfKind(kind).startsWith('metallb.io/'));
    for (const kind of own) {
      const { spec } = crds.find(({ metadata }) => metadata.name === `${KINDS[kind].plural}.metallb.io`) ?? {};
      const [version] = spec?.versions ?? [];
      const fields = version?.schema.openAPIV3Schema.properties['spec']?.properties ?? {};
      const known = KNOWN_FIELDS[kind]['spec'];
      expect([kind, version?.name, Object.keys(fields).toSorted()]).toEqual([
        kind,
        apiVersionOfKind(kind).slice('metallb.io/'.length),
        Object.keys(known ?? {}).toSorted(),
      ]);
    }
  });

  it('has a Role for a namespace that lets a gateway read and write what the ClusterRole does', () => {
    const role = manifests.find(({ kind, metadata }) => kind === 'Role' && metadata.name === 'sluice');
    const clusterRole = manifests.find(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === 'sluice');
    expect(reading(role === undefined ? [] : [role])).toEqual(read(['gateway', 'controller'], true));
    const written = (manifest: Manifest | undefined): readonly Rule[] =>
      (manifest?.rules ?? []).filter(({ verbs }) => !verbs.includes('list'));
    expect(written(role).length).toBeGreaterThan(0);
    expect(written(role)).toEqual(written(clusterRole));
  });
});
