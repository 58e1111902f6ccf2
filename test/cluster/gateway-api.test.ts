/** Gateway API by `sluice run --gateway-api` on a real API server, as its ServiceAccount: what is served, and what objects show. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Backend, Lab } from '../traffic/lab.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';
import { gatewayCrds } from './gateway-crds.ts';
import { DEPLOY, externalService } from './shop.ts';

const GATEWAY_API = fileURLToPath(new URL('../../deploy/gateway-api.yaml', import.meta.url));
const ADDRESS = '192.0.2.80';

/** Entries of `status.parents` and of `status.conditions`, as far as they are looked at. */
interface Shown {
  readonly metadata: { readonly generation: number; readonly resourceVersion: string };
  readonly status: {
    readonly addresses?: readonly { readonly value: string }[];
    readonly conditions?: readonly Condition[];
    readonly listeners?: readonly { readonly attachedRoutes: number; readonly conditions: readonly Condition[] }[];
    readonly parents?: readonly { readonly controllerName: string; readonly conditions: readonly Condition[] }[];
  };
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly observedGeneration: number;
}

const API = 'apiVersion: gateway.networking.k8s.io/v1\nkind:';
const GATEWAY = `${API} Gateway
metadata: { name: edge, namespace: shop }
spec: { gatewayClassName: sluice, listeners: [{ name: http, port: 80, protocol: HTTP }] }
`;

function route(target: string): string {
  return `${API} HTTPRoute
metadata: { name: web, namespace: shop }
spec:
  parentRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge }]
  hostnames: [web.test]
  rules: [{ backendRefs: [{ group: "", kind: Service, name: ${target}, port: 80, weight: 1 }] }]
`;
}

function brief(conditions: readonly Condition[] = []): readonly string[] {
  return conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
}

describe('sluice run --gateway-api', () => {
  let cluster: ControlPlane;
  let backend: Backend;
  let lab: Lab;

  beforeAll(async () => {
    cluster = await startControlPlane();
    backend = await Backend.start('web');
    await cluster.kubectl(['apply', '--server-side', '-f', '-'], { input: gatewayCrds() });
    const established = ['--for=condition=Established', 'crd', '--all', '--timeout=60s'];
    await cluster.kubectl(['wait', ...established]);
    for (const file of [DEPLOY, GATEWAY_API]) await cluster.kubectl(['apply', '--server-side', '-f', file]);
    await cluster.kubectl(['create', 'namespace', 'shop']);
    await apply(externalService('web', backend.port), GATEWAY, route('web'));
    const kubeconfig = await cluster.serviceAccountKubeconfig('sluice-system', 'sluice', 3600);
    const flags = ['--lease-namespace=sluice-system', '--gateway-api', '--local-external-names=allow'];
    lab = await Lab.forCluster(kubeconfig, [...flags, `--publish-status-address=${ADDRESS}`]);
    await lab.start();
  });

  afterAll(async () => {
    await lab.stop();
    await backend.stop();
    await cluster.stop();
  });

  async function apply(...documents: readonly string[]): Promise<void> {
    await cluster.kubectl(['apply', '-f', '-'], { input: documents.join('---\n') });
  }

  async function show(kind: string, name: string): Promise<Shown> {
    const namespace = kind === 'gatewayclass' ? [] : ['-n', 'shop'];
    return JSON.parse(await cluster.kubectl(['get', kind, name, ...namespace, '-o', 'json'])) as Shown;
  }

  async function until(kind: string, name: string, what: string, isSo: (shown: Shown) => boolean): Promise<Shown> {
    let shown = await show(kind, name);
    await lab.until(`${kind} ${name} ${what}`, async () => {
      shown = await show(kind, name);
      return isSo(shown);
    });
    return shown;
  }

  it('serves a route, and says so of it, of its Gateway and of the class', async () => {
    await lab.until('http://web.test/', async () => (await lab.get('http://web.test/')).status === 200);
    const isDone = ({ status }: Shown): boolean => status.listeners?.[0]?.attachedRoutes === 1;
    const gateway = await until('gateway', 'edge', 'to have its route', isDone);
    expect(brief(gateway.status.conditions)).toEqual([
      'Accepted=True Accepted',
      'ResolvedRefs=True ResolvedRefs',
      'Programmed=True Programmed',
    ]);
    expect(gateway.status.addresses).toMatchObject([{ value: ADDRESS }]);
    expect(brief(gateway.status.listeners?.[0]?.conditions)).toContain('Programmed=True Programmed');
    const shown = await until('httproute', 'web', 'to have a parent', ({ status }) => status.parents !== undefined);
    expect(shown.status.parents?.map(({ conditions }) => brief(conditions))).toEqual([
      ['Accepted=True Accepted', 'ResolvedRefs=True ResolvedRefs'],
    ]);
    const gatewayClass = await until('gatewayclass', 'sluice', 'to be accepted', ({ status }) =>
      brief(status.conditions).includes('Accepted=True Accepted'),
    );
    expect(gatewayClass.status.conditions).toMatchObject([{ observedGeneration: 1 }]);
  });

  it('follows each change with all conditions of the new generation, and leaves the entry of another controller alone', async () => {
    const theirs = { parentRef: { name: 'edge' }, controllerName: 'example.com/other', conditions: [] };
    const own = (await show('httproute', 'web')).status.parents ?? [];
    const patch = JSON.stringify({ status: { parents: [theirs, ...own] } });
    await cluster.kubectl([
      'patch',
      'httproute',
      '-n',
      'shop',
      'web',
      '--subresource=status',
      '--type=merge',
      '-p',
      patch,
    ]);
    await apply(route('gone'));
    const isNew = ({ metadata, status }: Shown): boolean =>
      status.parents?.some(
        ({ conditions }) =>
          conditions.length > 0 && conditions.every((item) => item.observedGeneration === metadata.generation),
      ) === true && metadata.generation === 2;
    const shown = await until('httproute', 'web', 'to be of its newest generation', isNew);
    expect(shown.status.parents?.map(({ controllerName }) => controllerName)).toEqual([
      'example.com/other',
      'sluice.dev/gateway',
    ]);
    expect(brief(shown.status.parents?.[1]?.conditions)).toContain('ResolvedRefs=False BackendNotFound');
    await lab.until('http://web.test/ to fail', async () => (await lab.get('http://web.test/')).status === 500);
  });

  it('does not write again what it has written', async () => {
    const before = (await show('gateway', 'edge')).metadata.resourceVersion;
    await apply(route('web'));
    await lab.until('http://web.test/', async () => (await lab.get('http://web.test/')).status === 200);
    await until('httproute', 'web', 'to be resolved again', ({ status }) =>
      brief(status.parents?.[1]?.conditions).includes('ResolvedRefs=True ResolvedRefs'),
    );
    expect((await show('gateway', 'edge')).metadata.resourceVersion).toBe(before);
  });

  it('takes back its own entry when the route leaves its Gateway', async () => {
    await apply(route('web').replace('name: edge', 'name: elsewhere'));
    await until('httproute', 'web', 'to be only the others', ({ status }) => status.parents?.length === 1);
    const gateway = await until(
      'gateway',
      'edge',
      'to have no route',
      ({ status }) => status.listeners?.[0]?.attachedRoutes === 0,
    );
    expect(brief(gateway.status.conditions)).toContain('Programmed=True Programmed');
    await lab.until('http://web.test/ to be unknown', async () => (await lab.get('http://web.test/')).status === 404);
  });
});
