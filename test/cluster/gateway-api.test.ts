/** Gateway API by `sluice run --gateway-api` on a real API server, as its ServiceAccount: what is served, and what objects show. */
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../traffic/free-ports.ts';
import { Backend, Lab } from '../traffic/lab.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';
import { gatewayCrds } from './gateway-crds.ts';
import { DEPLOY, externalService } from './shop.ts';

const GATEWAY_API = fileURLToPath(new URL('../../deploy/gateway-api.yaml', import.meta.url));
const LOAD_BALANCER = fileURLToPath(new URL('../../deploy/load-balancer.yaml', import.meta.url));
const ADDRESS = '192.0.2.80';
const FLAGS = ['--lease-namespace=sluice-system', '--gateway-api', '--local-external-names=allow'];

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
    const shared = ['--shared-gateway-addresses', `--publish-status-address=${ADDRESS}`];
    lab = await Lab.forCluster(kubeconfig, [...FLAGS, ...shared]);
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

  describe('with an address for each Gateway', () => {
    let ports: number;

    beforeAll(async () => {
      await lab.stop();
      ports = await freePorts(64);
      const kubeconfig = await cluster.serviceAccountKubeconfig('sluice-system', 'sluice', 3600);
      const own = ['--load-balancer', '--pool=192.0.2.96/28', `--gateway-ports=${String(ports)}-${String(ports + 63)}`];
      // The Services of pools are for the controller to write, as deploy/load-balancer.yaml lets it.
      await cluster.kubectl(['apply', '--server-side', '-f', LOAD_BALANCER]);
      await apply(route('web'));
      // Where others reach it: on loopback alone it would stand behind nothing.
      lab = await Lab.forCluster(kubeconfig, [...FLAGS, ...own, '--node-name=node-1', '--bind-address=0.0.0.0']);
      await lab.start();
    });

    async function json(...args: readonly string[]): Promise<unknown> {
      return JSON.parse(await cluster.kubectl(['get', '-n', 'shop', '-o', 'json', ...args]));
    }

    /** What is answered on a port of HAProxy that the kernel would lead a port of the address to. */
    async function statusAt(port: number): Promise<number> {
      return new Promise((resolve) => {
        const asked = request({ host: '127.0.0.1', port, headers: { host: 'web.test' } }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        asked.on('error', () => resolve(0));
        asked.end();
      });
    }

    it('has a Service made for it, with the gateways behind it, and shows the address of that', async () => {
      const shown = await until('gateway', 'edge', 'to have an address', ({ status }) =>
        brief(status.conditions).includes('Programmed=True Programmed'),
      );
      expect(shown.status.addresses).toMatchObject([{ value: expect.stringMatching(/^192\.0\.2\.\d+$/) }]);
      expect(await json('service', 'sluice-edge')).toMatchObject({
        metadata: {
          labels: { 'gateway.networking.k8s.io/gateway-name': 'edge', 'app.kubernetes.io/managed-by': 'sluice' },
          ownerReferences: [{ kind: 'Gateway', name: 'edge' }],
        },
        spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [{ port: 80, targetPort: ports }] },
      });
      let slice: unknown;
      await lab.until('the gateway to stand behind it', async () => {
        slice = await json('endpointslice', 'sluice-edge-ipv4');
        return (slice as { endpoints: readonly unknown[] | null }).endpoints?.length === 1;
      });
      expect(slice).toMatchObject({ endpoints: [{ nodeName: 'node-1' }], ports: [{ port: ports }] });
      await lab.until('its port to answer', async () => (await statusAt(ports)) === 200);
      expect((await lab.get('http://web.test/')).status).toBe(404);
    });

    it('sets right what others change of the Service, and leaves what they add', async () => {
      await cluster.kubectl(['annotate', 'service', '-n', 'shop', 'sluice-edge', 'note=theirs']);
      const ports80 = [{ op: 'replace', path: '/spec/ports/0/targetPort', value: 1 }];
      const patch = ['patch', 'service', '-n', 'shop', 'sluice-edge', '--type=json', '-p', JSON.stringify(ports80)];
      await cluster.kubectl(patch);
      await lab.until('the port to be set right', async () => {
        const service = (await json('service', 'sluice-edge')) as {
          readonly spec: { readonly ports: readonly { readonly targetPort: number }[] };
        };
        return service.spec.ports[0]?.targetPort === ports;
      });
      expect(await json('service', 'sluice-edge')).toMatchObject({ metadata: { annotations: { note: 'theirs' } } });
    });

    it('has the address that it asks for, and says so where that cannot be had', async () => {
      const asking = (value: string): string =>
        GATEWAY.replace('listeners:', `addresses: [{ value: ${value} }], listeners:`);
      await apply(asking('198.51.100.9'));
      await until('gateway', 'edge', 'to want what cannot be had', ({ status }) =>
        brief(status.conditions).includes('Programmed=False AddressNotUsable'),
      );
      await apply(asking('192.0.2.100'));
      const shown = await until('gateway', 'edge', 'to have what it wants', ({ status }) =>
        brief(status.conditions).includes('Programmed=True Programmed'),
      );
      expect(shown.status.addresses?.map(({ value }) => value)).toEqual(['192.0.2.100']);
    });

    it('loses its Service to the class of another controller', async () => {
      const theirs = `${API} GatewayClass\nmetadata: { name: another }\nspec: { controllerName: example.com/other }\n`;
      await apply(theirs, GATEWAY.replace('gatewayClassName: sluice', 'gatewayClassName: another'));
      await lab.until('the Service to go', async () => {
        const all = (await json('services')) as { readonly items: readonly { metadata: { readonly name: string } }[] };
        return all.items.every(({ metadata }) => metadata.name !== 'sluice-edge');
      });
    });
  });
});
